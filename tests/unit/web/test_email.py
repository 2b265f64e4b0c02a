"""What is taken for an address is one that a mail can be sent to, in one spelling."""

import pytest
from pydantic import TypeAdapter, ValidationError

from server.web.shapes.base import Email

EMAIL: TypeAdapter[str] = TypeAdapter(Email)


@pytest.mark.parametrize(
    "text",
    [
        "<a@b.co>",
        "A <a@b.co>",
        "x" * 65 + "@example.com",
        "ü@example.com",
        "a\u202e@b.co",
        '"a b"@b.co',
        "a@[127.0.0.1]",
    ],
)
def test_what_no_mail_could_be_sent_to_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="must be an email address"):
        EMAIL.validate_python(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("ａｄａ@example.com", "ada@example.com"),  # full-width, as some keyboards type
        ("x" * 64 + "@example.com", "x" * 64 + "@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_one_address_is_kept_in_one_spelling(text: str, kept: str) -> None:
    assert EMAIL.validate_python(text) == kept
