"""REPLY, COUNTER and REFRESH as mail programs write them, and the no to a counter-proposal."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ics.errors import Unreadable, Unsendable
from ics.event import Attendee, Method, Organizer, PartStat
from ics.itip.counter import build_declinecounter, read_counter
from ics.itip.incoming import read_mail
from ics.itip.refresh import read_refresh
from ics.itip.reply import read_reply
from ics.read.message import Message, read_message
from tests.samples.answers import Sample
from tests.unit.ics.examples import BERLIN, PRODID, appointment, parsed, values

_SAMPLE = Sample()


def _message(name: str, sample: Sample = _SAMPLE) -> Message:
    calendar = read_mail(sample.mail(name)).calendar
    assert calendar is not None
    return read_message(calendar)


@pytest.mark.parametrize("program", ["gmail", "outlook", "apple"])
@pytest.mark.parametrize("partstat", [PartStat.ACCEPTED, PartStat.DECLINED, PartStat.TENTATIVE])
def test_c037_the_answer_of_each_program_is_understood(program: str, partstat: PartStat):
    sample = _SAMPLE.but(partstat=partstat.value, sequence=3)

    reply = read_reply(_message(f"{program}-reply", sample))

    assert (reply.uid, reply.sequence, reply.stamp) == (sample.uid, 3, sample.stamp)
    assert (reply.attendee, reply.partstat) == (sample.attendee, partstat)


def test_c037_the_words_that_outlook_sends_along_are_kept():
    assert read_reply(_message("outlook-reply")).comment == "Vielleicht, ich sage noch Bescheid. Grüße"


@pytest.mark.parametrize("program", ["outlook", "thunderbird"])
@pytest.mark.parametrize("month", [1, 7])
def test_c040_the_time_that_each_program_proposes_is_understood(program: str, month: int):
    start = datetime(2027, month, 5, 13, 30, tzinfo=UTC)

    counter = read_counter(_message(f"{program}-counter", _SAMPLE.but(start=start)))

    assert (counter.start, counter.end) == (start, start + timedelta(minutes=30))
    assert counter.attendee == _SAMPLE.attendee


def test_c041_a_refresh_names_the_appointment_and_who_asks():
    wish = read_refresh(_message("evolution-refresh"))

    assert (wish.uid, wish.attendee, wish.stamp) == (_SAMPLE.uid, _SAMPLE.attendee, _SAMPLE.stamp)


@pytest.mark.parametrize("read", [read_reply, read_counter, read_refresh])
def test_another_method_is_not_taken_for_an_answer(read):
    with pytest.raises(Unreadable, match="METHOD"):
        read(replace(_message("gmail-reply"), method=Method.REQUEST))


def test_a_reply_without_an_attendee_is_none():
    with pytest.raises(Unreadable, match="ATTENDEE"):
        read_reply(replace(_message("gmail-reply"), attendee=None, partstat=None))


def test_a_proposal_that_ends_before_it_begins_is_none():
    message = _message("outlook-counter")

    with pytest.raises(Unreadable, match="DTEND"):
        read_counter(replace(message, end=message.start))
    with pytest.raises(Unreadable, match="DTSTART"):
        read_counter(replace(message, start=None, end=None))


def test_c040_the_no_to_a_proposal_has_what_rfc_5546_demands():
    event = appointment(sequence=2)

    document = build_declinecounter(event, zone=BERLIN, prodid=PRODID)

    assert values(document, "METHOD") == ["DECLINECOUNTER"]
    for name in ("DTSTAMP", "ORGANIZER", "ATTENDEE"):
        assert len(values(document, name)) == 1
    assert values(document, "UID") == [event.uid]
    assert values(document, "SEQUENCE") == ["2"]
    read = parsed(document).events[0]
    assert (read["DTSTART"].dt.astimezone(UTC), read["DTEND"].dt.astimezone(UTC)) == (event.start, event.end)


def test_c045_the_no_to_a_proposal_names_only_who_proposed():
    grace = Attendee("grace@customers.example", "Grace Hopper")
    group = appointment(attendees=(*appointment().attendees, grace))

    document = build_declinecounter(group, zone=BERLIN, prodid=PRODID, attendee=grace)

    assert b"ada@customers.example" not in document
    with pytest.raises(Unsendable):
        build_declinecounter(group, zone=BERLIN, prodid=PRODID)
    with pytest.raises(Unsendable):
        build_declinecounter(appointment(organizer=Organizer(grace.email)), zone=None, prodid=PRODID, attendee=grace)
