"""
Owns the bounds on what is read: bytes, lines, components, parts.

Leaves refusing what is beyond them to whoever reads.
"""

MESSAGE_BYTES = 256 * 1024
"""One scheduling document. Answers have 1 to 5 KiB; an organizer's long description comes back in them."""

MESSAGE_LINES = 5_000
"""Its lines, folded ones counted as they stand."""

MESSAGE_COMPONENTS = 60
"""Its components: an event, its alarms, its time zones. Also bounds how deep they nest."""

MAIL_BYTES = 2 * 1024 * 1024
"""One mail, where the caller has no smaller bound."""

MAIL_LINES = 40_000
"""Its lines: 2 MiB in base64 have 28,000."""

MAIL_HEADER_BYTES = 128 * 1024
"""The header of the mail; each provider on its way adds some."""

MAIL_PARTS = 40
"""Declared body parts. Also bounds how deep they nest: each level declares itself."""

MAIL_DEPTH = 8
"""How deep a calendar part may lie."""

ADDRESS_BYTES = 2_000
"""One header with addresses; parsing them costs more than their length."""

RECIPIENTS = 20
"""Addresses that a mail names as its recipients."""

COMMENT_CHARACTERS = 500
"""What is kept of the words that come with an answer."""
