"""
Owns the checks of a business's configuration: each field is right, and the whole can work or cannot.

Leaves reading it to `store/configuration`, and refusing single values to the shapes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from urllib.parse import urlsplit

from server.domain.configuration import Capabilities, Configuration, ConfiguredService, WeeklyHours

_DAY = 1440
_WEEK = 7 * _DAY
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONG_MIN = 16 * 60
_LONG_BY_NIGHT_MIN = 12 * 60


class Severity(StrEnum):
    """What a finding means for customers."""

    ERROR = "error"
    """Something cannot be booked, paid or sent at all."""
    WARNING = "warning"
    """It works, and probably not as it is meant."""


class Subject(StrEnum):
    """What a finding is about, as in the paths of the API."""

    BUSINESS = "business"
    LOCATION = "location"
    PROVIDER = "provider"
    SERVICE = "service"
    HOURS = "hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that does not work, and what helps."""

    code: str
    severity: Severity
    subject: Subject
    key: str
    """Slug, or the id of hours."""
    field: str = ""
    """Which field of it, if it is one."""
    detail: str
    """A sentence that says what happens, and one that says what helps."""


Check = Callable[[Configuration, Capabilities], Iterator[Finding]]


def check_setup(configuration: Configuration, capabilities: Capabilities) -> list[Finding]:
    """Everything that was found, errors first."""
    found = [finding for check in CHECKS for finding in check(configuration, capabilities)]
    return sorted(found, key=lambda finding: finding.severity is Severity.WARNING)


def _error(subject: Subject, key: str, code: str, detail: str, *, field: str = "") -> Finding:
    return Finding(code=code, severity=Severity.ERROR, subject=subject, key=key, field=field, detail=detail)


def _warning(subject: Subject, key: str, code: str, detail: str, *, field: str = "") -> Finding:
    return Finding(code=code, severity=Severity.WARNING, subject=subject, key=key, field=field, detail=detail)


def _nothing_to_book(configuration: Configuration, _: Capabilities) -> Iterator[Finding]:
    for name, things in (
        ("location", configuration.locations),
        ("provider", configuration.providers),
        ("service", configuration.services),
    ):
        if not things:
            detail = f"There is no active {name}, so nothing can be booked. Create one."
            yield _error(Subject.BUSINESS, configuration.business.slug, f"no-{name}", detail)


def _mail(configuration: Configuration, capabilities: Capabilities) -> Iterator[Finding]:
    business = configuration.business
    if not capabilities.mail:
        detail = (
            "This server sends no mail: confirmations and reminders wait in the queue. Whoever runs it sets"
            " BOOKABLE_MAIL_HOST."
        )
        yield _error(Subject.BUSINESS, business.slug, "mail-not-set-up", detail)
    if not business.email:
        detail = "The business has no email address: what customers answer reaches nobody. Set email."
        yield _warning(Subject.BUSINESS, business.slug, "business-without-email", detail, field="email")


def _pages(configuration: Configuration, _: Capabilities) -> Iterator[Finding]:
    business = configuration.business
    if business.logo and not business.logo.startswith("https://"):
        detail = "The logo is not shown: pages load pictures from https:// addresses only. Change theme.logo."
        yield _warning(Subject.BUSINESS, business.slug, "logo-not-loaded", detail, field="theme")
    parts = urlsplit(business.website)
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    if business.website and not {origin, "*"} & set(business.allowed_origins):
        detail = (
            f"The widget cannot book on {business.website}, because its origin is not allowed. If the widget stands"
            f" there, add {origin} to allowed_origins."
        )
        yield _warning(Subject.BUSINESS, business.slug, "website-not-allowed", detail, field="allowed_origins")


def _locations(configuration: Configuration, _: Capabilities) -> Iterator[Finding]:
    open_at = {hours.location for hours in configuration.hours} | {hours.location for hours in configuration.dates}
    for location in configuration.locations:
        if "/" not in location.timezone or location.timezone.startswith("Etc/"):
            detail = (
                f"{location.timezone} names no place: its clock changes may not be those of the location. Use a zone"
                " such as Europe/Berlin."
            )
            yield _warning(Subject.LOCATION, location.slug, "zone-without-place", detail, field="timezone")
        if location.slug not in open_at:
            detail = "Nobody works here, so nothing can be booked at this location. Add hours of a provider."
            yield _warning(Subject.LOCATION, location.slug, "location-without-hours", detail)


def _providers(configuration: Configuration, _: Capabilities) -> Iterator[Finding]:
    working = {hours.provider for hours in (*configuration.hours, *configuration.dates)}
    offering = {offer.provider for service in configuration.services for offer in service.offers}
    for provider in configuration.providers:
        if provider.slug not in working:
            detail = "This provider has no working hours at an active location, so is never offered. Add hours."
            yield _warning(Subject.PROVIDER, provider.slug, "provider-without-hours", detail)
        if provider.slug not in offering:
            detail = "This provider offers no active service, so is never offered. Link a service."
            yield _warning(Subject.PROVIDER, provider.slug, "provider-without-service", detail)
        if not provider.email and not configuration.business.email:
            detail = (
                "Neither the provider nor the business has an email address: nobody is told of bookings. Set email."
            )
            yield _warning(Subject.PROVIDER, provider.slug, "provider-without-email", detail, field="email")


def _never_offered(configuration: Configuration, _: Capabilities) -> Iterator[Finding]:
    working = {hours.provider for hours in (*configuration.hours, *configuration.dates)}
    for service in configuration.services:
        key = service.slug
        if not service.offers:
            detail = "Nobody offers this service, so it cannot be booked. Link a provider."
            yield _error(Subject.SERVICE, key, "service-without-provider", detail)
        elif not any(offer.provider in working for offer in service.offers):
            detail = "Nobody who offers this service has working hours, so it cannot be booked. Add hours."
            yield _error(Subject.SERVICE, key, "service-without-hours", detail)
        elif not _fits_somewhere(service, configuration):
            yield _error(Subject.SERVICE, key, "service-never-fits", _why_it_never_fits(service, configuration))
        if service.min_notice_min >= service.horizon_days * _DAY:
            detail = (
                f"Bookings need {service.min_notice_min} minutes of notice, and are taken {service.horizon_days} days"
                " ahead at most: no time is left. Lower min_notice_min or raise horizon_days."
            )
            yield _error(Subject.SERVICE, key, "notice-beyond-horizon", detail, field="min_notice_min")
        for need in service.needs_without_resource:
            detail = f"No active room or device for “{need}” is where it is offered, so it cannot be booked. Link one."
            yield _error(Subject.SERVICE, key, "need-without-resource", detail)


def _fits_somewhere(service: ConfiguredService, configuration: Configuration) -> bool:
    """Whether any start of the weekly grid, or of a date with hours of its own, leaves room."""
    return any(
        _fits(service, hours, offer.duration_min)
        for offer in service.offers
        for hours in (*configuration.hours, *configuration.dates)
        if hours.provider == offer.provider
    )


def _fits(service: ConfiguredService, hours: WeeklyHours, duration_min: int) -> bool:
    """Starts are counted from the provider's window; the whole of it must lie in the service's hours, if it has any."""
    starts = range(hours.start_min, hours.end_min - duration_min + 1, service.slot_step_min)
    if not service.hours:
        return len(starts) > 0
    first = hours.weekday * _DAY
    windows = [
        (own.weekday * _DAY + own.start_min + shift, own.weekday * _DAY + own.end_min + shift)
        for own in service.hours
        for shift in (-_WEEK, 0, _WEEK)
    ]
    return any(
        begin <= first + start and first + start + duration_min <= end for start in starts for begin, end in windows
    )


def _why_it_never_fits(service: ConfiguredService, configuration: Configuration) -> str:
    shortest = min(offer.duration_min for offer in service.offers)
    if not service.hours:
        return f"It takes {shortest} minutes, and no working hours are so long. Lengthen hours or shorten the service."
    days = {hours.weekday for hours in service.hours}
    working = [h for h in configuration.hours if h.provider in _names(service) and h.weekday in days]
    if not working:
        named = " and ".join(_WEEKDAYS[day] for day in sorted(days))
        return f"It has hours of its own on {named}, when nobody who offers it works. Move either of the two."
    begins = sorted({_clock(h.start_min) for h in working})
    own = sorted({f"{_clock(h.start_min)} to {_clock(h.end_min)}" for h in service.hours})
    return (
        f"Starts are counted every {service.slot_step_min} minutes from when a provider begins ({', '.join(begins)}),"
        f" and none fits the service's own hours ({', '.join(own)}). Lower slot_step_min, or move either of the two."
    )


def _names(service: ConfiguredService) -> set[str]:
    return {offer.provider for offer in service.offers}


def _clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def _terms(configuration: Configuration, _: Capabilities) -> Iterator[Finding]:
    for service in configuration.services:
        prices = [offer.price_minor for offer in service.offers] or [service.price_minor]
        if service.cancel_fee_minor > min(prices):
            detail = "Cancelling late costs more than the appointment. Lower cancel_fee_minor, or check the price."
            yield _warning(Subject.SERVICE, service.slug, "fee-above-price", detail, field="cancel_fee_minor")
        if service.payment == "online" and not any(prices):
            detail = "It is to be paid online and costs nothing, so it is booked without paying. Set a price."
            yield _warning(Subject.SERVICE, service.slug, "online-without-price", detail, field="price_minor")
        if 60 % service.slot_step_min and service.slot_step_min % 15:
            detail = (
                f"Starts every {service.slot_step_min} minutes fall on times such as"
                f" {_clock(9 * 60 + service.slot_step_min)} and {_clock(9 * 60 + 3 * service.slot_step_min)}."
                " Use 5, 10, 15, 20, 30 or 60, if that is not meant."
            )
            yield _warning(Subject.SERVICE, service.slug, "odd-step", detail, field="slot_step_min")


def _channels(configuration: Configuration, capabilities: Capabilities) -> Iterator[Finding]:
    for service in configuration.services:
        if service.payment == "online" and not capabilities.online_payment:
            detail = (
                "It is paid online, and this server has no payment service: nobody can book it. Set payment to on_site,"
                " or have BOOKABLE_PAYMENT_STRIPE_KEY set."
            )
            yield _error(Subject.SERVICE, service.slug, "payment-not-set-up", detail, field="payment")
        if not capabilities.sms and any(reminder.channel == "sms" for reminder in service.reminders):
            detail = "It reminds by text message, and this server sends none. Use mail, or set BOOKABLE_SMS_CHANNEL."
            yield _warning(Subject.SERVICE, service.slug, "sms-not-set-up", detail, field="reminders")


def _hours(configuration: Configuration, _: Capabilities) -> Iterator[Finding]:
    for hours in configuration.hours:
        length = hours.end_min - hours.start_min
        if length >= _LONG_MIN or (hours.end_min > _DAY and length >= _LONG_BY_NIGHT_MIN):
            detail = (
                f"{_clock(hours.start_min)} to {_clock(hours.end_min)} is {length // 60} hours"
                f"{', into the next day' if hours.end_min > _DAY else ''}. Change start or end, if that is not meant."
            )
            yield _warning(Subject.HOURS, str(hours.id), "long-hours", detail)
    for one, other in combinations(configuration.hours, 2):
        if one.provider == other.provider and _overlap(one, other, configuration):
            yield _both(one, other)


def _both(one: WeeklyHours, other: WeeklyHours) -> Finding:
    if one.location == other.location:
        detail = f"These hours overlap with others of the same provider (id {one.id}). Delete or change one of them."
        return _warning(Subject.HOURS, str(other.id), "hours-overlap", detail)
    detail = (
        f"At this time the provider works at {one.location}, too (id {one.id}): both places offer the same time."
        " Delete or change one of them."
    )
    return _warning(Subject.HOURS, str(other.id), "hours-in-two-places", detail)


def _overlap(one: WeeklyHours, other: WeeklyHours, configuration: Configuration) -> bool:
    """In the week, each by the clocks of its own location, and on dates that both hold for."""
    if one.valid_until and other.valid_from and one.valid_until < other.valid_from:
        return False
    if other.valid_until and one.valid_from and other.valid_until < one.valid_from:
        return False
    start, end = _in_week(one, configuration)
    begin, until = _in_week(other, configuration)
    return any(start < until + shift and begin + shift < end for shift in (-_WEEK, 0, _WEEK))


def _in_week(hours: WeeklyHours, configuration: Configuration) -> tuple[int, int]:
    first = hours.weekday * _DAY - configuration.utc_offset_min.get(hours.location, 0)
    return first + hours.start_min, first + hours.end_min


CHECKS: tuple[Check, ...] = (
    _nothing_to_book,
    _mail,
    _pages,
    _locations,
    _providers,
    _never_offered,
    _terms,
    _channels,
    _hours,
)
