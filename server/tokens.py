"""
Owns unguessable tokens, their hashes, and sealing of what must be stored but not read.

Leaves who may do what with a token to `web/access`.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

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


def new_api_key() -> tuple[str, str]:
    """`(key, prefix)`: the key is shown once, the prefix tells keys apart in a list."""
    prefix = "bk_" + secrets.token_hex(4)
    return f"{prefix}_{new_token()}", prefix


class Vault:
    """The deployment's secrets: derives tokens from salts, seals and opens stored answers."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        if not secret_keys:
            raise ValueError("BOOKABLE_SECRET_KEYS is not set")
        self._keys = [key.encode() for key in secret_keys]
        self._fernet = MultiFernet(
            [Fernet(base64.urlsafe_b64encode(_derive(key, b"bookable seal"))) for key in self._keys]
        )

    def manage_token(self, salt: bytes) -> str:
        """The manage token of an attendee: never stored, derived again when a mail needs the link."""
        return _urlsafe(_derive(self._keys[0], b"bookable manage" + salt)[:_TOKEN_BYTES])

    def seal(self, plain: bytes) -> bytes:
        """*plain*, encrypted and authenticated (Fernet)."""
        return self._fernet.encrypt(plain)

    def unseal(self, sealed: bytes) -> bytes | None:
        """What was sealed; None where none of the secrets fits."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            return None


def _derive(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")


def _urlsafe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
