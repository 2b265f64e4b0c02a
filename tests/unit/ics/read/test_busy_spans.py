"""Which events are busy: the table of the protocols' section 4.5, row by row."""

import pytest

from tests.unit.ics.read.objects import busy, calendar, component, event, spans

_TIMED = ("DTSTART:20260105T080000Z", "DTEND:20260105T090000Z")
_DAY = ("DTSTART;VALUE=DATE:20260105",)
_BUSY, _FREE = ["0105T0800-0900"], []
_EXCHANGE = ("PRODID:Microsoft Exchange Server 2010",)
_ME = frozenset({"anna@salon.example"})


def test_c072_a_transparent_event_is_free():
    assert spans(event(*_TIMED, "TRANSP:TRANSPARENT")) == _FREE


@pytest.mark.parametrize("lines", [(), ("TRANSP:OPAQUE",), ("TRANSP:whatever",)])
def test_c072_an_event_is_busy_unless_it_says_otherwise(lines):
    assert spans(event(*_TIMED, *lines)) == _BUSY


def test_c072_a_cancelled_event_is_free():
    assert spans(event(*_TIMED, "STATUS:CANCELLED")) == _FREE
    assert spans(event(*_TIMED, "STATUS:cancelled", "TRANSP:OPAQUE")) == _FREE


def test_c072_a_cancelled_override_is_free_and_the_rest_of_its_series_is_busy():
    cancelled = component("RECURRENCE-ID:20260106T080000Z", "DTSTART:20260106T080000Z", "STATUS:CANCELLED")

    assert spans(calendar(component(*_TIMED, "RRULE:FREQ=DAILY;COUNT=3"), cancelled)) == [
        "0105T0800-0900",
        "0107T0800-0900",
    ]


def test_c072_a_cancelled_series_leaves_the_override_that_is_not():
    kept = component("RECURRENCE-ID:20260106T080000Z", "DTSTART:20260106T100000Z", "DURATION:PT1H")

    assert spans(calendar(component(*_TIMED, "RRULE:FREQ=DAILY", "STATUS:CANCELLED"), kept)) == ["0106T1000-1100"]


def test_c072_a_tentative_event_is_busy_by_the_provider_s_choice():
    tentative = event(*_TIMED, "STATUS:TENTATIVE")

    assert spans(tentative) == _BUSY
    assert spans(tentative, tentative=False) == _FREE


@pytest.mark.parametrize(
    ("status", "expected"),
    [("FREE", _FREE), ("TENTATIVE", _BUSY), ("BUSY", _BUSY), ("OOF", _BUSY), ("WORKINGELSEWHERE", _FREE), ("X", _BUSY)],
)
def test_c072_the_status_that_microsoft_adds_counts_where_transp_is_not_given(status, expected):
    assert spans(event(*_TIMED, f"X-MICROSOFT-CDO-BUSYSTATUS:{status}")) == expected


def test_c072_what_microsoft_calls_tentative_is_tentative():
    text = event(*_TIMED, "TRANSP:OPAQUE", "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE")

    assert spans(text) == _BUSY
    assert spans(text, tentative=False) == _FREE


@pytest.mark.parametrize(
    ("transparency", "status", "of_microsoft", "of_others"),
    [
        ("TRANSPARENT", "OOF", _BUSY, _FREE),
        ("TRANSPARENT", "TENTATIVE", _BUSY, _FREE),
        ("OPAQUE", "FREE", _FREE, _BUSY),
        ("OPAQUE", "WORKINGELSEWHERE", _FREE, _BUSY),
        ("TRANSPARENT", "FREE", _FREE, _FREE),
        ("OPAQUE", "BUSY", _BUSY, _BUSY),
    ],
)
def test_c072_where_transp_and_that_status_disagree_the_one_of_the_writer_counts(
    transparency, status, of_microsoft, of_others
):
    lines = (*_TIMED, f"TRANSP:{transparency}", f"X-MICROSOFT-CDO-BUSYSTATUS:{status}")

    assert spans(event(*lines, head=_EXCHANGE)) == of_microsoft
    assert spans(event(*lines, head=("PRODID:-//Google Inc//Google Calendar 70.9054//EN",))) == of_others


@pytest.mark.parametrize(
    "attendee",
    [
        "ATTENDEE;PARTSTAT=DECLINED:mailto:anna@salon.example",
        "ATTENDEE;CN=Anna;PARTSTAT=declined;ROLE=CHAIR:MAILTO:Anna@Salon.example",
        "ATTENDEE;EMAIL=anna@salon.example;PARTSTAT=DECLINED:/123/principal/",
        'ATTENDEE;CN="Anna; the: one";PARTSTAT=DECLINED:mailto:anna%40salon.example',
    ],
)
def test_c072_what_the_provider_declined_is_free(attendee):
    assert spans(event(*_TIMED, attendee), addresses=_ME) == _FREE


def test_c072_what_somebody_else_declined_is_busy():
    other = "ATTENDEE;PARTSTAT=DECLINED:mailto:robin@salon.example"

    assert spans(event(*_TIMED, other), addresses=_ME) == _BUSY
    assert spans(event(*_TIMED, other)) == _BUSY


def test_c072_an_invitation_without_an_answer_is_busy_by_the_provider_s_choice():
    for attendee in ("ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:anna@salon.example", "ATTENDEE:mailto:anna@salon.example"):
        assert spans(event(*_TIMED, attendee), addresses=_ME) == _BUSY
        assert spans(event(*_TIMED, attendee), addresses=_ME, unanswered=False) == _FREE


def test_c072_who_invites_has_answered():
    mine = ("ORGANIZER:mailto:anna@salon.example", "ATTENDEE:mailto:anna@salon.example")

    assert spans(event(*_TIMED, *mine), addresses=_ME, unanswered=False) == _BUSY


def test_c072_of_two_addresses_one_that_comes_is_enough():
    both = (
        "ATTENDEE;PARTSTAT=DECLINED:mailto:anna@salon.example",
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:desk@salon.example",
    )

    assert spans(event(*_TIMED, *both), addresses=_ME | {"desk@salon.example"}, unanswered=False) == _BUSY


def test_c072_one_declined_occurrence_is_free():
    declined = component(
        "RECURRENCE-ID:20260106T080000Z",
        "DTSTART:20260106T080000Z",
        "DURATION:PT1H",
        "ATTENDEE;PARTSTAT=DECLINED:mailto:anna@salon.example",
    )
    series = component(*_TIMED, "RRULE:FREQ=DAILY;COUNT=3", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:anna@salon.example")

    assert [span[:4] for span in spans(calendar(series, declined), addresses=_ME)] == ["0105", "0107"]


def test_c072_days_are_busy_as_transp_says_and_by_the_provider_s_choice():
    assert spans(event(*_DAY)) == ["0104T2300-0105T2300"]
    assert spans(event(*_DAY, "TRANSP:TRANSPARENT")) == _FREE
    assert spans(event(*_DAY), all_day=False) == _FREE
    assert spans(event(*_TIMED), all_day=False) == _BUSY


def test_c072_what_microsoft_calls_all_day_is_all_day():
    midnights = ("DTSTART:20260104T230000Z", "DTEND:20260105T230000Z", "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE")

    assert spans(event(*midnights), all_day=False) == _FREE


def test_c072_the_end_of_days_is_not_one_of_them():
    assert spans(event("DTSTART;VALUE=DATE:20260105", "DTEND;VALUE=DATE:20260107")) == ["0104T2300-0106T2300"]


def test_c072_a_floating_time_is_in_the_provider_s_zone():
    assert spans(event("DTSTART:20260105T090000", "DURATION:PT1H")) == _BUSY


@pytest.mark.parametrize("end", [(), ("DTEND:20260105T080000Z",), ("DURATION:PT0S",)])
def test_c072_what_lasts_no_time_is_free(end):
    found = busy(event("DTSTART:20260105T080000Z", *end))

    assert (found.spans, found.problems) == ([], [])


@pytest.mark.parametrize("end", ["DTEND:20260105T070000Z", "DURATION:-PT1H"])
def test_c072_what_ends_before_it_begins_is_passed_over_and_reported(end):
    found = busy(event("DTSTART:20260105T080000Z", end))

    assert (found.spans, len(found.problems)) == ([], 1)


def test_f60_days_that_end_before_they_begin_are_passed_over_and_reported():
    found = busy(event("DTSTART;VALUE=DATE:20260105", "DTEND;VALUE=DATE:20260104"))

    assert (found.spans, len(found.problems)) == ([], 1)


@pytest.mark.parametrize(
    ("kind", "expected", "without_tentative"),
    [
        ("", _BUSY, _BUSY),
        (";FBTYPE=BUSY", _BUSY, _BUSY),
        (";FBTYPE=BUSY-UNAVAILABLE", _BUSY, _BUSY),
        (";FBTYPE=X-NEW", _BUSY, _BUSY),
        (";FBTYPE=BUSY-TENTATIVE", _BUSY, _FREE),
        (";FBTYPE=FREE", _FREE, _FREE),
    ],
)
def test_c072_free_busy_time_is_busy_by_its_type(kind, expected, without_tentative):
    for period in ("20260105T080000Z/20260105T090000Z", "20260105T080000Z/PT1H"):
        text = calendar(component(f"FREEBUSY{kind}:{period}", name="VFREEBUSY"))

        assert spans(text) == expected
        assert spans(text, tentative=False) == without_tentative


def test_c072_several_periods_of_free_busy_time_have_different_keys():
    periods = "20260105T080000Z/PT1H,20260105T080000Z/PT2H,20260106T080000Z/PT1H"

    found = busy(calendar(component(f"FREEBUSY:{periods}", f"FREEBUSY:{periods}", name="VFREEBUSY")))

    assert len({key for *_, key in found.spans}) == len(found.spans) == 3


def test_f60_free_busy_time_that_cannot_be_read_is_reported_and_the_rest_kept():
    text = calendar(component("FREEBUSY:20260105T080000Z/PT1H", "FREEBUSY:soon", name="VFREEBUSY"))

    assert spans(text) == _BUSY
    assert len(busy(text).problems) == 1


@pytest.mark.parametrize("name", ["VTODO", "VJOURNAL", "VALARM", "VAVAILABILITY"])
def test_c072_what_is_no_event_is_ignored(name):
    assert spans(calendar(component(*_TIMED, name=name))) == _FREE


def test_c072_an_alarm_s_own_times_are_not_the_event_s():
    alarm = component("DURATION:PT9H", "TRIGGER:-PT5M", name="VALARM", uid=None)

    assert spans(event("DTSTART:20260105T080000Z", alarm, "DTEND:20260105T090000Z")) == _BUSY


def test_c072_a_private_event_is_busy():
    assert spans(event(*_TIMED, "CLASS:PRIVATE")) == _BUSY


def test_c072_no_problem_repeats_what_an_event_is_about():
    secret = (
        "SUMMARY:Oncology",
        "DESCRIPTION:Oncology",
        "LOCATION:Oncology",
        "ATTENDEE;CN=Oncology:mailto:onco@logy.example",
    )
    broken = ("DTSTART:Oncology", "DTEND:Oncology", "RRULE:Oncology", "EXDATE:Oncology", "RDATE:Oncology")

    for lines in (secret + broken, secret + _TIMED + broken[2:], secret + _TIMED[:1] + broken[1:2]):
        assert "ncology" not in " ".join(busy(event(*lines)).problems)
        assert busy(event(*lines)).problems


def test_c072_spans_are_clipped_to_the_window():
    found = busy(event("DTSTART:20250101T000000Z", "DTEND:20300101T000000Z"))

    assert found.spans == [(1767225600, 1798761600, "")]
    assert found.later


def test_c072_an_event_beyond_the_window_is_remembered_as_to_come():
    later = busy(event("DTSTART:20290101T000000Z", "DURATION:PT1H"))
    over = busy(event("DTSTART:20230101T000000Z", "DURATION:PT1H"))

    assert (later.spans, later.later, later.repeats) == ([], True, False)
    assert (over.spans, over.later, over.repeats) == ([], False, False)


def test_c072_an_object_with_several_events_names_the_first_and_tells_them_apart():
    text = calendar(
        component(*_TIMED, uid="one"),
        component("DTSTART:20260105T100000Z", "DURATION:PT1H", uid="two"),
        component("DTSTART:20260105T100000Z", "DURATION:PT1H", uid=None),
    )

    found = busy(text)

    assert found.uid == "one"
    assert [key for *_, key in found.spans] == ["", "#2"]
