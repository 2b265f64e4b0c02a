"""What is kept of an event to expand it again: when it is, and nothing else."""

import pytest

from ics.errors import Unreadable
from ics.read.keeping import keep_for_expansion
from tests.samples.calendar_files import NAMES, sample
from tests.unit.ics.read.objects import busy, calendar, component, event

_ME = frozenset({"anna@salon.example"})
_SERIES = ("DTSTART;TZID=Europe/Berlin:20260105T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3")
_PRIVATE = (
    "SUMMARY:Oncology",
    "DESCRIPTION:Oncology",
    "LOCATION:Oncology",
    "CATEGORIES:Oncology",
    "URL:https://oncology.example",
    "X-ALT-DESC;FMTTYPE=text/html:<b>Oncology</b>",
    'ORGANIZER;CN="Oncology":mailto:oncology@clinic.example',
    "ATTENDEE;CN=Oncology;PARTSTAT=ACCEPTED:mailto:oncology@clinic.example",
    "CLASS:PRIVATE",
    component("ACTION:DISPLAY", "DESCRIPTION:Oncology", "TRIGGER:-PT5M", name="VALARM", uid=None),
    "X-ONCOLOGY;X-ONCOLOGY=1:2",
    "COMMENT:Oncology",
)


def test_c072_nothing_of_what_an_event_is_about_is_kept():
    override = component("RECURRENCE-ID;X-ABOUT=Oncology:20260106T080000Z", "DTSTART:20260106T100000Z", *_PRIVATE)

    kept = keep_for_expansion(calendar(component(*_SERIES, *_PRIVATE), override), addresses=_ME)

    assert "oncology" not in kept.lower()
    assert "private" not in kept.lower()
    assert "clinic" not in kept


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("EXDATE;TZID=Europe/Berlin:20260106T090000",),
        ("RDATE;VALUE=PERIOD:20260201T080000Z/PT2H",),
        ("STATUS:TENTATIVE",),
        ("X-MICROSOFT-CDO-BUSYSTATUS:FREE",),
        ("X-MICROSOFT-CDO-BUSYSTATUS:BUSY", "TRANSP:TRANSPARENT"),
        ("X-MICROSOFT-CDO-ALLDAYEVENT:TRUE",),
        ("ATTENDEE;PARTSTAT=DECLINED:mailto:anna@salon.example", "TRANSP:OPAQUE", "X-MICROSOFT-CDO-BUSYSTATUS:BUSY"),
        ("ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:anna@salon.example",),
        ("ATTENDEE:mailto:anna@salon.example", "ORGANIZER:mailto:anna@salon.example"),
        ("ATTENDEE;PARTSTAT=DECLINED:mailto:robin@salon.example",),
        ("RRULE:nonsense",),
    ],
)
@pytest.mark.parametrize("head", [(), ("PRODID:Microsoft Exchange Server 2010",), ("X-WR-TIMEZONE:Asia/Tokyo",)])
@pytest.mark.parametrize("chosen", [{}, {"unanswered": False}, {"tentative": False}, {"all_day": False}])
def test_c072_what_is_kept_is_busy_when_the_whole_was(lines, head, chosen):
    text = event(*_SERIES, *lines, *_PRIVATE, head=head)

    kept = keep_for_expansion(text, addresses=_ME)

    assert busy(kept, addresses=_ME, **chosen) == busy(text, addresses=_ME, **chosen)


@pytest.mark.parametrize("name", NAMES)
def test_c072_what_is_kept_of_real_ones_is_smaller_and_as_busy(name):
    text = sample(name)

    kept = keep_for_expansion(text, addresses=_ME)

    assert busy(kept, addresses=_ME) == busy(text, addresses=_ME)
    assert len(kept) < len(text)
    assert keep_for_expansion(kept, addresses=_ME) == kept


def test_c067_what_is_no_calendar_is_refused():
    with pytest.raises(Unreadable):
        keep_for_expansion("<html>")
