"""
Owns the shape of a service: its terms, questions and reminders.

Leaves who offers it to `catalogue`, and when to `hours`.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from server.domain.channels import PEOPLE, TO_PEOPLE, Recipient
from server.web.shapes.base import Name, OneOf, Prose, Shape, Slug, Written, wrong
from server.web.shapes.catalogue import Buffer, Duration
from server.web.shapes.drafts import Draft, Enabled, Minor, Stamped

Window = Annotated[int, Field(strict=True, ge=0, le=525_600)]
"""Minutes, up to a year."""


Options = Annotated[list[Name], Field(max_length=50)]


class Question(Shape):
    """What a customer is asked; the answer comes under its key."""

    key: Annotated[
        str,
        StringConstraints(max_length=63),
        Written("^[a-z0-9]+([-_][a-z0-9]+)*$", "must be lower-case letters and digits, such as allergies"),
    ]
    label: Name
    kind: Literal["text", "long_text", "choice", "yes_no"] = "text"
    required: Enabled = False
    options: Options = Field(default=[])
    """Of a choice."""

    @model_validator(mode="after")
    def _has_options(self) -> Self:
        if (self.kind == "choice") != bool(self.options):
            raise wrong("options", detail="must name the options of a choice, and is for nothing else")
        return self


class Reminder(Shape):
    """A reminder so many minutes before the start."""

    offset_min: Annotated[int, Field(strict=True, ge=5, le=43_200)]
    channel: Annotated[str, OneOf(TO_PEOPLE)]
    """`sms` for the provider needs the phone number of each provider who offers the service."""
    recipient: Annotated[str, OneOf(PEOPLE)] = Recipient.CUSTOMER.value


Questions = Annotated[list[Question], Field(max_length=30)]
Reminders = Annotated[list[Reminder], Field(max_length=10)]


class ServiceDraft(Draft):
    """What is booked, and on which terms."""

    slug: Slug
    name: Name
    description: Prose = ""
    duration_min: Duration
    buffer_before_min: Buffer = 0
    buffer_after_min: Buffer = 0
    slot_step_min: Annotated[int, Field(strict=True, ge=1, le=1440)] = 30
    """Starts are offered every so many minutes."""
    min_notice_min: Window = 60
    horizon_days: Annotated[int, Field(strict=True, ge=1, le=730)] = 90
    """How far ahead it can be booked."""
    price_minor: Minor = 0
    capacity: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    """Customers who share one appointment: more than one makes it a class."""
    approval: Literal["automatic", "manual"] = "automatic"
    reapproval: Enabled = True
    """Whether an approved appointment that its customer moves has to be approved again."""
    payment: Literal["on_site", "online"] = "on_site"
    """`online`: whoever books pays the price first."""
    per_customer_limit: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None
    """Upcoming appointments that one customer may have."""
    change_window_min: Window = 1440
    """Until so many minutes before the start a change is free."""
    cancel_fee_minor: Minor = 0
    """What a later cancellation costs; 0 means that it is not possible online."""
    phone_required: Enabled = False
    questions: Questions = Field(default=[])
    reminders: Reminders = Field(default=[])
    """None: a day and an hour before by mail, and an hour before for the provider."""
    active: Enabled = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.approval == "manual" and self.capacity > 1:
            raise wrong("approval", detail="must be automatic for a class (capacity above 1)")
        if self.payment == "online" and self.capacity > 1:
            raise wrong("payment", detail="must be on_site for a class (capacity above 1)")
        if len({question.key for question in self.questions}) < len(self.questions):
            raise wrong("questions", detail="must each have a key of their own")
        if len({tuple(reminder) for reminder in self.reminders}) < len(self.reminders):
            raise wrong("reminders", detail="must not name one reminder twice")
        return self


class ServiceItem(Stamped, ServiceDraft):
    """What is booked, and on which terms."""
