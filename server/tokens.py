"""
Owns unguessable tokens, their hashes, and sealing of what must be stored but not read.

Leaves who may do what with a token to `web/access`.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from server.domain.errors import Unavailable

SALT_BYTES = 16
_TOKEN_BYTES = 24  # 192 bits; 32 characters in base64url


def new_token() -> str:
    """A random token of 32 URL-safe characters."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def new_salt() -> bytes:
    """What a derived token hangs on; stored in the clear, worthless without the secret."""
    return secrets.token_bytes(SALT_BYTES)


def token_hash(token: str) -> bytes:
    """SHA-256 of *token*: tokens have 192 bits of entropy, so a slow hash would guard nothing more."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


_API_KEY = re.compile(r"bk_[0-9a-f]{8}_[A-Za-z0-9_-]{32}")


def is_api_key(text: str) -> bool:
    """Whether *text* looks like a key of ours; what does not needs no look into the database."""
    return _API_KEY.fullmatch(text) is not None


def new_api_key() -> tuple[str, str]:
    """`(key, prefix)`: the key is shown once, the prefix tells keys apart in a list."""
    prefix = "bk_" + secrets.token_hex(4)
    return f"{prefix}_{new_token()}", prefix


_REPLY = re.compile(r"reply\+([1-9a-f][0-9a-f]{0,13})-([1-9a-f][0-9a-f]{0,13})-([a-z2-7]{26})")
"""At most 62 octets, of the 64 that a local part may have (RFC 5321, 4.5.3.1.1); ids end at 56 bits."""
_REPLY_MAC_BYTES = 16


@dataclass(frozen=True, slots=True)
class ReplyAddress:
    """Whose answers a mail address takes, as it says itself: believe it only after `Vault.is_reply_address`."""

    business_id: int
    attendee_id: int
    mac: str

    @classmethod
    def parse(cls, address: str, domain: str) -> "ReplyAddress | None":
        """The reply address that *address* is in *domain*, whatever case it is written in; None if it is none."""
        local, _, where = address.strip().lower().rpartition("@")
        match = _REPLY.fullmatch(local)
        if match is None or where != domain.lower():
            return None
        return cls(int(match[1], 16), int(match[2], 16), match[3])


_UNSUBSCRIBE = re.compile(rb"unsubscribe ([0-9]{1,19}) (.+)", re.DOTALL)
_WAKE = re.compile(r"([1-9a-f][0-9a-f]{0,13})-([1-9a-f][0-9a-f]{0,13})-([0-9a-f]{32})")


def new_webhook_secret() -> str:
    """A signing secret as Standard Webhooks has it: `whsec_` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Purpose(StrEnum):
    """What a sealed value is for. Each has a key of its own, so that none can be shown in another's place."""

    ANSWER = "answer"
    CREDENTIALS = "credentials"
    ORDER = "order"
    WEBHOOK_SECRET = "webhook secret"  # noqa: S105  # a purpose, not a secret
    SIGN_IN = "sign-in"
    MANAGE_SESSION = "manage session"
    UNSUBSCRIBE = "unsubscribe"
    KEY_CHECK = "key check"
    DECISION = "decision"


_BOUND = b"v2."
"""Begins a value that is sealed for its purpose. Those of before, which may lie in the database or in old mails, begin
with the version octet of Fernet."""
_NEVER_UNBOUND = frozenset({Purpose.MANAGE_SESSION, Purpose.KEY_CHECK, Purpose.DECISION})
"""Never were in the form of before, or lived too short to be still about in it."""


class SecretMissing(Unavailable):
    """None of BOOKABLE_SECRET_KEYS made what is stored: put the one that did back, behind the others."""

    def __init__(self) -> None:
        super().__init__("secret keys")


class Vault:
    """
    The deployment's secrets: derives tokens from salts, seals and opens stored answers.

    A token that is derived again is compared with the hash that was stored when it was new: after a change of the
    first secret another one made it, and a link that leads nowhere must not leave the house.
    """

    def __init__(self, secret_keys: Sequence[str]) -> None:
        if not secret_keys:
            raise ValueError("BOOKABLE_SECRET_KEYS is not set")
        self._keys = [key.encode() for key in secret_keys]
        self._unbound = self._fernet(b"bookable seal")
        self._bound = {each: self._fernet(f"bookable seal v2 {each}".encode()) for each in Purpose}

    def _fernet(self, purpose: bytes) -> MultiFernet:
        return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(key, purpose))) for key in self._keys])

    def new_manage_token(self, salt: bytes) -> str:
        """The manage token of a new attendee; its hash is stored, and never the token."""
        return _token(self._keys[0], b"bookable manage" + salt)

    def manage_token(self, salt: bytes, stored: bytes) -> str:
        """
        The manage token whose hash is *stored*: derived again when a mail needs the link.

        Raises:
            SecretMissing
        """
        return self._made_before(b"bookable manage" + salt, stored)

    def _made_before(self, purpose: bytes, stored: bytes) -> str:
        for key in self._keys:
            token = _token(key, purpose)
            if hmac.compare_digest(token_hash(token), stored):
                return token
        raise SecretMissing

    def new_confirm_token(self, salt: bytes) -> str:
        """What the mail to an address that is to be confirmed carries, and nobody else is told; its hash is stored."""
        return _token(self._keys[0], b"bookable confirm" + salt)

    def confirm_token(self, salt: bytes, stored: bytes) -> str:
        """
        The confirm token whose hash is *stored*.

        Raises:
            SecretMissing
        """
        return self._made_before(b"bookable confirm" + salt, stored)

    def mail_proof(self, salt: bytes) -> str:
        """
        What a link carries beside its token when it is sent to the address: whoever shows it reads that mailbox.

        The token alone proves nothing: whoever booked was given it, whatever address they typed.
        """
        return _token(self._keys[0], b"bookable mail proof" + salt)

    def is_mail_proof(self, proof: str, salt: bytes) -> bool:
        """Whether one of our secrets made *proof* for *salt*; compared in constant time."""
        given = proof.encode("utf-8", "surrogatepass")
        made = (_token(key, b"bookable mail proof" + salt) for key in self._keys)
        return any(hmac.compare_digest(each.encode(), given) for each in made)

    def new_feed_token(self, feed: str) -> str:
        """What opens a customer's own feed from now on; its hash is stored."""
        return _token(self._keys[0], b"bookable customer feed " + feed.encode())

    def feed_token(self, feed: str, stored: bytes) -> str:
        """
        What opens a customer's own feed, whose hash is *stored*: derived again when a mail needs it.

        Raises:
            SecretMissing
        """
        return self._made_before(b"bookable customer feed " + feed.encode(), stored)

    def reply_address(self, business_id: int, attendee_id: int, salt: bytes, domain: str) -> str:
        """
        The address that takes one attendee's answers: `reply+<business>-<attendee>-<mac>@domain`, ids in hexadecimal.

        In lower case, because mail servers on the way may change the case. Never stored: *salt* is the attendee's.
        """
        mac = _reply_mac(self._keys[0], business_id, attendee_id, salt)
        return f"reply+{business_id:x}-{attendee_id:x}-{mac}@{domain.lower()}"

    def is_reply_address(self, claimed: ReplyAddress, salt: bytes) -> bool:
        """Whether one of our secrets made *claimed*, for the attendee with *salt*; compared in constant time."""
        macs = (_reply_mac(key, claimed.business_id, claimed.attendee_id, salt) for key in self._keys)
        return any(hmac.compare_digest(mac, claimed.mac) for mac in macs)

    def new_waitlist_token(self, salt: bytes) -> str:
        """What opens a new place on the waitlist; its hash is stored."""
        return _token(self._keys[0], b"bookable waitlist" + salt)

    def waitlist_token(self, salt: bytes, stored: bytes) -> str:
        """
        What opens the place on the waitlist whose hash is *stored*: derived again when a mail needs the link.

        Raises:
            SecretMissing
        """
        return self._made_before(b"bookable waitlist" + salt, stored)

    def new_offer_token(self, salt: bytes, number: int) -> str:
        """What will open the hold of the offer with this *number* to a place on the waitlist."""
        return _token(self._keys[0], b"bookable offer %d " % number + salt)

    def offer_token(self, salt: bytes, number: int, stored: bytes) -> str:
        """
        What opens the hold of that offer, whose hash is *stored*.

        Raises:
            SecretMissing
        """
        return self._made_before(b"bookable offer %d " % number + salt, stored)

    def proof_keys(self) -> list[bytes]:
        """What signs challenges for proofs of work; the first signs, all are tried when checking."""
        return [_derive(key, b"bookable proof") for key in self._keys]

    def busy_uid(self, feed: str, start: int, end: int) -> str:
        """32 characters for a busy span of one feed: stable, and of no use to find the appointments behind it."""
        return _busy_uid(self._keys[0], feed, start, end)

    def is_busy_uid(self, uid: str, feed: str, start: int, end: int) -> bool:
        """Whether one of our secrets made *uid* for that span: a subscriber may have read it before a rotation."""
        return any(_busy_uid(key, feed, start, end) == uid for key in self._keys)

    def wake_token(self, business_id: int, connection_id: int) -> str:
        """What a calendar service calls us with, when something has changed in the calendars of a connection."""
        return f"{business_id:x}-{connection_id:x}-{_wake_mac(self._keys[0], business_id, connection_id)}"

    def waking(self, token: str) -> tuple[int, int] | None:
        """Business and connection of a wake token; None for anything else."""
        match = _WAKE.fullmatch(token)
        if match is None:
            return None
        business_id, connection_id = int(match[1], 16), int(match[2], 16)
        macs = (_wake_mac(key, business_id, connection_id) for key in self._keys)
        return (business_id, connection_id) if any(hmac.compare_digest(mac, match[3]) for mac in macs) else None

    def unsubscribe_token(self, business_id: int, email: str) -> str:
        """What a List-Unsubscribe link carries: sealed, so that nobody can make one for somebody else's address."""
        return self.seal(f"unsubscribe {business_id} {email}".encode(), Purpose.UNSUBSCRIBE).decode()

    def unsubscribing(self, token: str) -> tuple[int, str] | None:
        """The business and the address of an unsubscribe token; None for anything else."""
        plain = self.unseal(token, Purpose.UNSUBSCRIBE)
        match = _UNSUBSCRIBE.fullmatch(plain) if plain is not None else None
        return (int(match[1]), match[2].decode()) if match is not None else None

    def seal(self, plain: bytes, purpose: Purpose) -> bytes:
        """*plain*, encrypted and authenticated (Fernet) with a key for *purpose* alone."""
        return _BOUND + self._bound[purpose].encrypt(plain)

    def reseal(self, sealed: bytes, purpose: Purpose) -> bytes | None:
        """The same, sealed with the first secret; None where none of the secrets fits."""
        plain = self.unseal(sealed, purpose)
        return self.seal(plain, purpose) if plain is not None else None

    def unseal(self, sealed: bytes | str, purpose: Purpose) -> bytes | None:
        """What was sealed for *purpose*; None for anything else, whatever it is made of."""
        if isinstance(sealed, str):  # from a header or a path, in which any octet may stand
            sealed = sealed.encode("utf-8", "surrogatepass")
        try:
            if sealed.startswith(_BOUND):
                return self._bound[purpose].decrypt(sealed.removeprefix(_BOUND))
            return self._unbound.decrypt(sealed) if purpose not in _NEVER_UNBOUND else None
        except InvalidToken:
            return None


def _derive(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")


def _token(key: bytes, purpose: bytes) -> str:
    return _urlsafe(_derive(key, purpose)[:_TOKEN_BYTES])


def _busy_uid(key: bytes, feed: str, start: int, end: int) -> str:
    return _derive(key, f"bookable busy {feed} {start} {end}".encode()).hex()[:32]


def _reply_mac(key: bytes, business_id: int, attendee_id: int, salt: bytes) -> str:
    whole = _derive(key, b"bookable reply %x-%x " % (business_id, attendee_id) + salt)
    return base64.b32encode(whole[:_REPLY_MAC_BYTES]).rstrip(b"=").decode().lower()


def _wake_mac(key: bytes, business_id: int, connection_id: int) -> str:
    return _derive(key, b"bookable wake %x-%x" % (business_id, connection_id)).hex()[:32]


def _urlsafe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
