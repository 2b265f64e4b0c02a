"""Everything that we write, read by a second parser that shares no code with the one it was written with."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest

from ics.event import Attendee, Event, Organizer
from ics.itip.cancel import build_cancel
from ics.itip.counter import build_declinecounter
from ics.itip.request import build_request
from ics.write.busy import render_busy
from ics.write.calendar import assemble
from ics.write.event import render_event
from ics.write.feed import Feed, frame
from tests.unit.ics.ical_js_reader import installed, read

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.ics"))
START = datetime(2027, 3, 28, 8, 0, tzinfo=UTC)
HOSTILE = [
    'Zoë "the Boss" O\'Neill; Łukasz, Jr.: née \\n',
    "BEGIN:VEVENT\r\nATTACH:http://evil.example",
    "🦊" * 60,
    "line one\nline two;with,all\\of it",
    "^caret ^n ^'",
]


@pytest.fixture(scope="module", autouse=True)
def ical_js() -> None:
    """ical.js, installed."""
    installed()


def event(text: str = "Haircut") -> Event:
    """An appointment in which everything that people type is *text*."""
    return Event(
        uid="01890a5d-ac96-774b-bcce-b302099a8057",
        start=START,
        end=START + timedelta(minutes=45),
        stamp=START - timedelta(days=3),
        summary=text,
        description=text,
        location=text,
        sequence=2,
        organizer=Organizer("desk@linde.example", text),
        attendees=(Attendee("robin@example.org", text),),
    )


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_c027_both_parsers_agree_on_every_golden_document(path: Path) -> None:
    text = path.read_bytes().decode()
    (theirs,) = read([text])
    ours = icalendar.Calendar.from_ical(text)
    assert theirs["method"] == (str(ours["METHOD"]) if "METHOD" in ours else None)
    assert len(theirs["events"]) == len(ours.events)
    for one, other in zip(theirs["events"], ours.events, strict=True):
        assert one["uid"] == str(other["UID"])
        assert one["summary"] == str(other["SUMMARY"])
        assert (one["start"], one["end"]) == (int(other.start.timestamp()), int(other.end.timestamp()))
        assert one["sequence"] == int(other["SEQUENCE"])
        assert one["status"] == str(other["STATUS"])


@pytest.mark.parametrize("text", HOSTILE)
def test_c002_c043_what_people_type_comes_back_as_it_was(text: str) -> None:
    document = build_request(event(text), zone=ZoneInfo("Europe/Berlin"), prodid="-//Test//EN").decode()
    ours = icalendar.Calendar.from_ical(document).events[0]
    (theirs,) = read([document])
    (one,) = theirs["events"]
    for name in ("summary", "description", "location"):
        assert one[name] == str(ours[name.upper()])
        assert one[name] == text.replace("\r\n", "\n")
    assert one["organizer"] == "mailto:desk@linde.example"
    assert one["cn"]


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "Africa/Casablanca"]
)
def test_c011_every_method_keeps_its_instant_across_a_clock_change(zone: str) -> None:
    builders = (build_request, build_cancel, build_declinecounter)
    documents = [build(event(), zone=ZoneInfo(zone), prodid="-//Test//EN").decode() for build in builders]
    for parsed in read(documents):
        assert parsed["events"][0]["start"] == int(START.timestamp())


def test_a_feed_and_its_busy_twin_are_read_whole() -> None:
    around = frame(Feed(uid="feed", name="Anna", colour="teal"), prodid="-//Test//EN")
    many = [render_event(event(f"Nr. {n}"), zone=None) for n in range(50)]
    busy = render_busy(
        [(START + timedelta(hours=n), START + timedelta(hours=n, minutes=30)) for n in range(50)],
        uid_of=lambda start, _: f"{int(start.timestamp()):032d}",
        stamp=START,
        organizer=Organizer("desk@linde.example"),
    )
    texts = ["".join(many), "".join(busy), around.filler.decode()]
    whole = [around.head.decode() + text + around.tail.decode() for text in texts]
    assert [len(parsed["events"]) for parsed in read(whole)] == [50, 50, 0]
    assert assemble(many, method=None, prodid="-//Test//EN").count(b"BEGIN:VEVENT") == 50
