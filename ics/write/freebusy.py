"""
Owns published free/busy time: one VFREEBUSY (RFC 5545, 3.6.4; METHOD:PUBLISH as in RFC 5546, 3.3.1).

Leaves the same time as events to `busy`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import icalendar
from icalendar.prop import vCalAddress, vPeriod

from ics.event import Method, Organizer
from ics.write.busy import Span, merged
from ics.write.calendar import assemble
from ics.write.text import Text, mailto


def render_freebusy(
    spans: Iterable[Span],
    *,
    uid: str,
    stamp: datetime,
    window: Span,
    organizer: Organizer,
    prodid: str,
) -> bytes:
    """
    The document of the busy time within *window*: UTC periods, in order, none overlapping another.

    FBTYPE=BUSY is the default and written all the same: some clients miss it.
    """
    component = icalendar.FreeBusy()
    component["UID"] = Text(uid)
    component.add("DTSTAMP", stamp.astimezone(UTC))
    component["ORGANIZER"] = vCalAddress(mailto(organizer.email, field="ORGANIZER"))
    component.add("DTSTART", window[0].astimezone(UTC))
    component.add("DTEND", window[1].astimezone(UTC))
    for start, end in merged(spans):
        begins, ends = max(start, window[0]), min(end, window[1])
        if begins < ends:
            period = vPeriod((begins.astimezone(UTC), ends.astimezone(UTC)))
            component.add("FREEBUSY", period, parameters={"FBTYPE": "BUSY"})
    text: bytes = component.to_ical(sorted=False)
    return assemble([text.decode()], method=Method.PUBLISH, prodid=prodid)
