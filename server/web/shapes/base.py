"""
Owns the kinds of values that requests and answers are made of, and what is refused at the edge.

Leaves which of them a resource has to its neighbours.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    computed_field,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from pydantic_core.core_schema import no_info_after_validator_function, no_info_wrap_validator_function

from server.domain.currencies import digits_of
from server.domain.errors import UnknownZone
from server.domain.zones import zone

_FIRST_YEAR, _LAST_YEAR = 2000, 2100


_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def is_slug(text: str) -> bool:
    """Whether *text* could name a thing in a URL."""
    return len(text) <= 63 and _SLUG.fullmatch(text) is not None


class Shape(BaseModel):
    """A body whose fields are all known; anything else is refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, str_max_length=10_000, use_attribute_docstrings=True
    )


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a text as one of the values that a table has."""

    values: Iterable[str]

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema([str(value) for value in self.values])


class Priced(Shape):
    """An answer with amounts, all in the smallest unit of one currency."""

    currency: str
    """ISO 4217."""

    @computed_field  # type: ignore[prop-decorator]  # mypy, 14461: no decorator above a property
    @property
    def currency_digits(self) -> int:
        """How many digits of each amount stand behind the decimal point: what no browser needs to guess."""
        return digits_of(self.currency)


class AnyQuery(Shape):
    """A query in which others put what they like: calendar apps, services that call us."""

    model_config = ConfigDict(extra="ignore")


def _normal(text: object) -> object:
    """NFC before anything is measured: it can make a text longer."""
    return unicodedata.normalize("NFC", text) if isinstance(text, str) else text


def _clean(text: str) -> str:
    """Text for people has no control characters other than line breaks and tabs."""
    if any(unicodedata.category(c) in {"Cs", "Cc"} and c not in "\n\r\t" for c in text):
        raise ValueError("must not contain control characters")
    return text


def _one_line(text: str) -> str:
    if any(c in "\n\r\t\v\f\x1c\x1d\x1e\x85\u2028\u2029" for c in text):
        raise ValueError("must be one line")
    return text


def _known_zone(name: str) -> str:
    try:
        return zone(name).key
    except UnknownZone as error:
        raise ValueError("must be an IANA time zone such as Europe/Berlin") from error


def _in_reach(moment: datetime) -> datetime:
    if not _FIRST_YEAR <= moment.year < _LAST_YEAR:
        raise ValueError(f"must be between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    if moment.microsecond:
        raise ValueError("must be a whole second")
    return moment.astimezone(UTC)


def _rfc3339(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-12-01T09:30:00+01:00")
    return value


def _dialable(number: str) -> str:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException as error:
        raise ValueError("must be a phone number with its country code, such as +4930123456") from error
    if not phonenumbers.is_possible_number(parsed):
        raise ValueError("must be a phone number that can exist")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _mailable(address: str) -> str:
    """
    As it is compared: full-width letters, which some keyboards type, are the letters they look like.

    A domain in other letters is written as mail servers do (IDNA). What no mail of ours could be sent to is refused
    here: a local part that not every server takes (RFC 6531).
    """
    address = unicodedata.normalize("NFKC", address)
    try:
        found = validate_email(address, check_deliverability=False, strict=True, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError("must be an email address such as name@example.com") from error
    return (found.ascii_email or address).lower()


class OrEmpty:
    """Marks a type that takes the empty text, too, for "none"; a union would complain twice."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Before everything that the type asks."""
        return no_info_wrap_validator_function(_unless_empty, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Either the one or the other."""
        return {"anyOf": [handler(schema), {"type": "string", "const": ""}]}


def _unless_empty(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    return "" if value == "" else handler(value)


@dataclass(frozen=True, slots=True)
class Written:
    """A text must be written like *pattern*; who errs is told in words, OpenAPI has the pattern."""

    pattern: str
    says: str
    """What it must be: a sentence without its subject."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """After whatever else the text must be."""
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The pattern beside the rest."""
        return {**handler(schema), "pattern": self.pattern}

    def _check(self, text: str) -> str:
        if re.search(self.pattern, text) is None:
            raise ValueError(self.says)
        return text


def wrong(*path: int | str, detail: str) -> PydanticCustomError:
    """What a check of a whole shape raises: *detail* about the field at *path* in it."""
    return PydanticCustomError("field", "{detail}", {"detail": detail, "path": path})


Slug = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63),
    Written(r"^[a-z0-9]+(-[a-z0-9]+)*$", "must be lower-case letters, digits and single hyphens, such as anna-berg"),
]
"""Names a thing in URLs: lower-case letters, digits and single hyphens."""

Line = Annotated[
    str,
    StringConstraints(max_length=200, strip_whitespace=True),
    BeforeValidator(_normal),
    AfterValidator(_clean),
    AfterValidator(_one_line),
]
"""One line of text for people."""

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    BeforeValidator(_normal),
    AfterValidator(_clean),
    AfterValidator(_one_line),
]
"""One line of text that is not empty."""

Prose = Annotated[str, StringConstraints(max_length=5_000), BeforeValidator(_normal), AfterValidator(_clean)]
"""Text for people, with line breaks."""

Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
"""An IANA time zone."""

Instant = Annotated[AwareDatetime, BeforeValidator(_rfc3339), AfterValidator(_in_reach)]
"""An RFC 3339 time with an offset, whole seconds."""

Email = Annotated[
    str,
    StringConstraints(max_length=254),
    AfterValidator(_mailable),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254}),
]
"""A mail address; compared without regard to case."""

Phone = Annotated[str, StringConstraints(max_length=32), AfterValidator(_dialable)]
"""A phone number in E.164."""

Locale = Annotated[
    str,
    StringConstraints(max_length=35),
    Written(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", "must be a BCP 47 language tag such as pt-PT"),
]
"""A BCP 47 language tag."""
