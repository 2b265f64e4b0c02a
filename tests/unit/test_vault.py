"""What is sealed opens for its own purpose, and what was sealed before that was so still does."""

import base64
import hmac

import pytest
from cryptography.fernet import Fernet

from server.tokens import Purpose, Vault

KEY = "a secret of more than thirty-two characters"
OTHER = "another secret of more than thirty-two characters"


def sealed_before(plain: bytes) -> bytes:
    """As version 0 did: one key for every purpose."""
    key = base64.urlsafe_b64encode(hmac.digest(KEY.encode(), b"bookable seal", "sha256"))
    return Fernet(key).encrypt(plain)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_value_opens_for_its_own_purpose_only(purpose: Purpose) -> None:
    vault = Vault([KEY])
    sealed = vault.seal(b"plain", purpose)

    assert vault.unseal(sealed, purpose) == b"plain"
    assert vault.unseal(sealed.decode(), purpose) == b"plain"
    assert {vault.unseal(sealed, each) for each in Purpose if each is not purpose} == {None}


def test_what_was_sealed_before_still_opens_but_is_no_session() -> None:
    vault, before = Vault([KEY]), sealed_before(b"plain")

    opened = {each: vault.unseal(before, each) for each in Purpose}

    assert [opened.pop(each) for each in (Purpose.MANAGE_SESSION, Purpose.KEY_CHECK, Purpose.DECISION)] == [None] * 3
    assert set(opened.values()) == {b"plain"}


def test_rotating_seals_old_values_for_their_purpose() -> None:
    before = sealed_before(b"plain")

    anew = Vault([OTHER, KEY]).reseal(before, Purpose.CREDENTIALS)

    assert anew is not None
    assert Vault([OTHER]).unseal(anew, Purpose.CREDENTIALS) == b"plain"
    assert Vault([OTHER]).unseal(anew, Purpose.WEBHOOK_SECRET) is None
    assert Vault([OTHER]).reseal(before, Purpose.CREDENTIALS) is None


def test_links_in_mails_of_before_go_on() -> None:
    vault = Vault([KEY])
    before = sealed_before(b"unsubscribe 7 a person@example.com").decode()

    assert vault.unsubscribing(before) == (7, "a person@example.com")
    assert vault.unsubscribing(vault.unsubscribe_token(7, "a@example.com")) == (7, "a@example.com")


@pytest.mark.parametrize("text", ["", "v2.", "v2.\udc80", "\ud800", "gAAAA", "é" * 100, "v2." + "A" * 400])
def test_anything_else_opens_nothing(text: str) -> None:
    vault = Vault([KEY])

    assert {vault.unseal(text, each) for each in Purpose} == {None}
    assert vault.unsubscribing(text) is None


def test_a_sealed_value_of_another_kind_unsubscribes_nobody() -> None:
    vault = Vault([KEY])
    for plain in (b"unsubscribe", b"unsubscribe x y", b"unsubscribe 7 ", b'{"a": 1}'):
        assert vault.unsubscribing(sealed_before(plain).decode()) is None
