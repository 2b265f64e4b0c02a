"""Busy time as events, as VFREEBUSY, and hours as VAVAILABILITY: unions that are right, in documents that parse."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
from hypothesis import given
from hypothesis import strategies as st

from ics.event import Event, Klass, Organizer
from ics.write.availability import Hours, WeeklyHours, render_availability
from ics.write.busy import merged, render_busy
from ics.write.event import render_event
from ics.write.freebusy import render_freebusy

DESK = Organizer("desk@linde.example", "Atelier Linde")
DAY = datetime(2027, 3, 27, tzinfo=UTC)
minutes = st.integers(min_value=0, max_value=2_000)
spans = st.lists(st.tuples(minutes, minutes).map(lambda pair: tuple(DAY + timedelta(minutes=m) for m in sorted(pair))))


def covered(some: Any) -> set[int]:
    """The minutes that *some* spans cover."""
    return {
        minute
        for start, end in some
        for minute in range(int((start - DAY).total_seconds() // 60), int((end - DAY).total_seconds() // 60))
    }


@given(spans)
def test_c016_the_union_covers_what_its_parts_cover_and_nothing_twice(some: Any) -> None:
    union = merged(some)
    assert covered(union) == covered(some)
    assert all(first[1] < second[0] for first, second in pairwise(union))


def test_c016_each_text_is_what_the_library_would_write() -> None:
    pairs = [(DAY + timedelta(hours=h), DAY + timedelta(hours=h, minutes=20)) for h in (1, 5, 9)]
    texts = list(render_busy(pairs, uid_of=lambda s, _: f"{int(s.timestamp()):032d}", stamp=DAY, organizer=DESK))
    expected = [
        render_event(
            Event(
                uid=f"{int(start.timestamp()):032d}",
                start=start,
                end=end,
                stamp=DAY,
                summary="Busy",
                organizer=DESK,
                klass=Klass.PRIVATE,
            ),
            zone=None,
        )
        for start, end in pairs
    ]
    assert texts == expected


@given(spans)
def test_c017_vfreebusy_has_the_union_in_order_and_within_its_bounds(some: Any) -> None:
    window = (DAY + timedelta(hours=3), DAY + timedelta(hours=20))
    text = render_freebusy(some, uid="u", stamp=DAY, window=window, organizer=DESK, prodid="-//Test//EN")
    (component,) = icalendar.Calendar.from_ical(text).walk("VFREEBUSY")
    found = component.get("FREEBUSY", [])
    periods = [
        period.dt if hasattr(period, "dt") else period for period in (found if isinstance(found, list) else [found])
    ]
    clipped = [(max(s, window[0]), min(e, window[1])) for s, e in some if s < window[1] and e > window[0]]
    assert covered(periods) == covered(clipped)
    assert periods == sorted(periods)
    assert text.count(b"FBTYPE=BUSY") == len(periods)


def test_hours_recur_in_local_time_without_the_days_that_differ() -> None:
    hours = Hours(
        ZoneInfo("Europe/Berlin"),
        [WeeklyHours([0, 1, 2, 3, 4], (540, 1020)), WeeklyHours([5], (600, 1440))],
        {date(2027, 3, 29): [], date(2027, 3, 30): [(720, 900)]},
    )
    text = render_availability([hours], begins=date(2027, 3, 27), days=14, uid="u", stamp=DAY, prodid="-//Test//EN")
    (component,) = icalendar.Calendar.from_ical(text).walk("VAVAILABILITY")
    weekdays, saturday, special = component.walk("AVAILABLE")
    assert str(weekdays["RRULE"]["BYDAY"]) == str(["MO", "TU", "WE", "TH", "FR"])
    assert b"EXDATE;TZID=Europe/Berlin:20270329T090000,20270330T090000" in text.replace(b"\r\n ", b"")
    assert saturday["DTEND"].dt.replace(tzinfo=None) == datetime(2027, 3, 28, 0, 0)
    assert special["DTSTART"].dt == datetime(2027, 3, 30, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert text.count(b"BEGIN:VTIMEZONE") == 1


def test_a_zone_without_a_yearly_rule_gets_each_day_in_utc() -> None:
    hours = Hours(ZoneInfo("Africa/Casablanca"), [WeeklyHours(range(7), (540, 600))], {})
    text = render_availability([hours], begins=date(2027, 1, 1), days=10, uid="u", stamp=DAY, prodid="-//Test//EN")
    (component,) = icalendar.Calendar.from_ical(text).walk("VAVAILABILITY")
    available = component.walk("AVAILABLE")
    assert len(available) == 10
    local = [a["DTSTART"].dt.astimezone(ZoneInfo("Africa/Casablanca")) for a in available]
    assert {(moment.hour, moment.minute) for moment in local} == {(9, 0)}


def test_the_examples_of_the_readme_run() -> None:
    readme = (Path(__file__).parents[3] / "ics" / "README.md").read_text()
    code = "\n".join(part.split("```")[0] for part in readme.split("```python\n")[1:])
    scope: dict[str, Any] = {}
    exec(compile(code, "README", "exec"), scope)
    assert scope["mail"]["To"].addresses[0].addr_spec == "robin@example.com"
    assert len(icalendar.Calendar.from_ical(scope["document"]).events) == 1
