"""What in a configuration cannot work: a sound one first, then one thing changed."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from server.domain.configuration import (
    Capabilities,
    Configuration,
    ConfiguredBusiness,
    ConfiguredLocation,
    ConfiguredOffer,
    ConfiguredProvider,
    ConfiguredService,
    ReminderRule,
    WeeklyHours,
)
from server.domain.setup_checks import Severity, check_setup

EVERYTHING = Capabilities(mail=True, sms=True, online_payment=True)

BUSINESS = ConfiguredBusiness(
    slug="studio",
    email="hello@studio.example",
    website="https://studio.example/book",
    logo="https://studio.example/logo.png",
    allowed_origins=["https://studio.example"],
)
LISBON = ConfiguredLocation(slug="lisbon", timezone="Europe/Lisbon")
ANNA = ConfiguredProvider(slug="anna", email="anna@studio.example", phone="")
MONDAY = WeeklyHours(
    id=1, weekday=0, start_min=600, end_min=840, valid_from=None, valid_until=None, provider="anna", location="lisbon"
)
CUT = ConfiguredService(
    slug="cut",
    capacity=1,
    slot_step_min=30,
    min_notice_min=60,
    horizon_days=90,
    price_minor=3500,
    cancel_fee_minor=1000,
    payment="on_site",
    reminders=[],
    offers=[ConfiguredOffer(provider="anna", duration_min=60, price_minor=3500)],
)
SOUND = Configuration(
    business=BUSINESS,
    locations=[LISBON],
    providers=[ANNA],
    services=[CUT],
    hours=[MONDAY],
    utc_offset_min={"lisbon": 0, "madrid": 60},
)


def codes(configuration: Configuration, capabilities: Capabilities = EVERYTHING) -> list[str]:
    return [finding.code for finding in check_setup(configuration, capabilities)]


def with_cut(**changed: Any) -> Configuration:
    return replace(SOUND, services=[replace(CUT, **changed)])


def with_hours(*others: WeeklyHours) -> Configuration:
    madrid = ConfiguredLocation(slug="madrid", timezone="Europe/Madrid")
    places = [LISBON, madrid] if any(hours.location == "madrid" for hours in others) else [LISBON]
    return replace(SOUND, hours=[MONDAY, *others], locations=places)


def test_nothing_is_found_in_what_works() -> None:
    assert codes(SOUND) == []


@pytest.mark.parametrize(
    ("configuration", "code"),
    [
        (replace(SOUND, services=[]), "no-service"),
        (with_cut(offers=[]), "service-without-provider"),
        (replace(SOUND, hours=[]), "service-without-hours"),
        (replace(SOUND, hours=[]), "provider-without-hours"),
        (replace(SOUND, hours=[]), "location-without-hours"),
        (replace(SOUND, services=[replace(CUT, offers=[])]), "provider-without-service"),
        (replace(SOUND, providers=[replace(ANNA, email="")], business=replace(BUSINESS, email="")),
         "provider-without-email"),
        (replace(SOUND, business=replace(BUSINESS, email="")), "business-without-email"),
        (replace(SOUND, business=replace(BUSINESS, logo="http://studio.example/logo.png")), "logo-not-loaded"),
        (replace(SOUND, business=replace(BUSINESS, allowed_origins=[])), "website-not-allowed"),
        (replace(SOUND, locations=[replace(LISBON, timezone="CET")]), "zone-without-place"),
        (with_cut(cancel_fee_minor=9900), "fee-above-price"),
        (with_cut(payment="online", price_minor=0, cancel_fee_minor=0, offers=[replace(CUT.offers[0], price_minor=0)]),
         "online-without-price"),
        (with_cut(slot_step_min=7), "odd-step"),
        (with_cut(min_notice_min=3 * 1440, horizon_days=3), "notice-beyond-horizon"),
        (with_cut(needs_without_resource=["chair"]), "need-without-resource"),
        (with_cut(offers=[replace(CUT.offers[0], duration_min=300)]), "service-never-fits"),
        (with_hours(replace(MONDAY, id=2, start_min=780, end_min=1080)), "hours-overlap"),
        (with_hours(replace(MONDAY, id=2, location="madrid")), "hours-in-two-places"),
        (with_hours(replace(MONDAY, id=2, weekday=2, start_min=1200, end_min=1920)), "long-hours"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_found(configuration: Configuration, code: str) -> None:
    assert code in codes(configuration)


@pytest.mark.parametrize(
    "configuration",
    [
        with_cut(slot_step_min=45),
        with_cut(slot_step_min=90),
        replace(SOUND, business=replace(BUSINESS, allowed_origins=["*"])),
        with_hours(replace(MONDAY, id=2, start_min=840, end_min=1080)),
        with_hours(replace(MONDAY, id=2, weekday=4, start_min=1080, end_min=1560)),
        with_hours(replace(MONDAY, id=2, valid_from=date(2027, 1, 1)), replace(MONDAY, id=3, weekday=1)),
    ],
    ids=["45-minutes", "90-minutes", "any-origin", "after-one-another", "a-bar-by-night", "from-next-year"],
)
def test_what_works_is_left_alone(configuration: Configuration) -> None:
    ended = replace(configuration, hours=[
        replace(hours, valid_until=date(2026, 12, 31)) if hours.id == 1 and len(configuration.hours) > 2 else hours
        for hours in configuration.hours
    ])  # fmt: skip

    assert codes(ended) == []


def test_a_class_off_the_grid_says_how_the_grid_is_counted() -> None:
    saturday = replace(MONDAY, weekday=5)
    own = WeeklyHours(id=9, weekday=5, start_min=660, end_min=750, valid_from=None, valid_until=None)
    yoga = replace(
        CUT, slug="yoga", capacity=8, slot_step_min=90, hours=[own], offers=[replace(CUT.offers[0], duration_min=90)]
    )
    configuration = replace(SOUND, services=[yoga], hours=[saturday])

    [finding] = check_setup(configuration, EVERYTHING)

    assert (finding.code, finding.severity, finding.key) == ("service-never-fits", Severity.ERROR, "yoga")
    assert "every 90 minutes from when a provider begins (10:00)" in finding.detail
    assert "11:00 to 12:30" in finding.detail
    assert codes(replace(configuration, services=[replace(yoga, slot_step_min=30)])) == []


def test_hours_on_dates_to_come_are_hours() -> None:
    assert codes(replace(SOUND, hours=[], dates=[MONDAY])) == []


def test_a_date_to_come_helps_only_a_service_that_fits_into_it() -> None:
    sunday = WeeklyHours(id=9, weekday=6, start_min=540, end_min=600, valid_from=None, valid_until=None)
    on_sundays = replace(SOUND, services=[replace(CUT, hours=[sunday])], dates=[replace(MONDAY, weekday=3)])

    [finding] = check_setup(on_sundays, EVERYTHING)

    assert finding.code == "service-never-fits"
    assert finding.detail == (
        "It has hours of its own on Sunday, when nobody who offers it works. Move either of the two."
    )


@pytest.mark.parametrize(
    ("capabilities", "configuration", "code"),
    [
        (replace(EVERYTHING, mail=False), SOUND, "mail-not-set-up"),
        (replace(EVERYTHING, online_payment=False), with_cut(payment="online"), "payment-not-set-up"),
        (replace(EVERYTHING, sms=False), with_cut(reminders=[ReminderRule("sms", "customer")]), "sms-not-set-up"),
    ],
)
def test_what_the_server_cannot_do_is_found_where_it_is_needed(
    capabilities: Capabilities, configuration: Configuration, code: str
) -> None:
    assert codes(configuration, capabilities) == [code]
    assert codes(configuration) == []


def test_places_are_compared_by_the_clock_of_each() -> None:
    """10:00 to 14:00 in Lisbon is 11:00 to 15:00 in Madrid: work there from 15:00 follows it without a gap."""
    after = replace(MONDAY, id=2, location="madrid", start_min=900, end_min=1020)
    before_it_ends = replace(after, start_min=870)

    assert codes(with_hours(after)) == []
    assert codes(with_hours(before_it_ends)) == ["hours-in-two-places"]
