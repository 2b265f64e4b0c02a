"""
Owns what we know of the calendar services that people name: where they begin, and how their owner signs in.

Leaves speaking with them to `ics/remote`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from server.settings import CalendarSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """
    A calendar service.

    Attributes:
        kind: The adapter: `caldav`, `graph`, `ics`.
        url: Where an account begins; empty where its owner has to say. `{account}` is the user name.
        signs_in: With OAuth 2, instead of a password.
        hosts: Domains over which one account is spread.
        hint: What its owner has to know before they connect.
    """

    kind: str
    url: str = ""
    signs_in: bool = False
    hint: str = ""
    hosts: tuple[str, ...] = ()


PRESETS: Mapping[str, Preset] = {
    "google": Preset(kind="caldav", signs_in=True, hint="You sign in at Google."),
    "outlook": Preset(kind="graph", signs_in=True, hint="You sign in at Microsoft."),
    "icloud": Preset(
        kind="caldav",
        url="https://caldav.icloud.com/",
        hosts=("icloud.com",),
        hint="Make an app-specific password at account.apple.com; your Apple password does not work.",
    ),
    "fastmail": Preset(
        kind="caldav",
        url="https://caldav.fastmail.com/dav/principals/user/{account}/",
        hint="Make an app password with access to calendars in Fastmail's settings.",
    ),
    "nextcloud": Preset(
        kind="caldav", hint="The address is https://your.server/remote.php/dav; make an app password under Security."
    ),
    "caldav": Preset(kind="caldav", hint="The address of the server, or a mail address in its domain."),
    "ics": Preset(
        kind="ics", hint="The address of a published .ics file: its events block time, and nothing is written."
    ),
}


def address_of(name: str, typed: str, account: str, settings: CalendarSettings) -> str:
    """Where an account at the service *name* begins."""
    if name == "google":
        return (
            f"{settings.google_caldav_url}/{quote(account, safe='@')}/user" if account else settings.google_caldav_url
        )
    if name == "outlook":
        return settings.microsoft_graph_url
    return typed or PRESETS[name].url.format(account=quote(account, safe="@"))
