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

FILE_CHARACTERS = 10 * 1024 * 1024
"""One iCalendar object, or a whole published file: 25,000 events as Google writes them."""

FILE_LINES = 600_000
"""Its lines, folded ones counted as they stand."""

FILE_COMPONENTS = 250_000
"""Its components, alarms included."""

FILE_DEPTH = 8
"""How deep its components nest: an alarm in an event in a calendar is 3."""

LINE_CHARACTERS = 1_000_000
"""One line of it, unfolded: pictures are attached as one line, and are not read."""

RULE_CHARACTERS = 4_000
"""One RRULE; every day of the year by its number has 1,500."""

RULE_STEPS = 200_000
"""What one RRULE may make us look at: days or hours, and what they give. A daily one since 1970 has 40,000."""

PERIOD_OCCURRENCES = 20_000
"""What one RRULE may give within one of its periods, a year at most."""

OCCURRENCES = 5_000
"""Occurrences of one event in the window that is asked for: thirteen a day for a year."""

ZONE_CHANGES = 1_000
"""Changes of clock that one VTIMEZONE describes; two a year until 2100 are 260."""

PROBLEMS = 20
"""What is told of one object."""
