"""
Owns `bookable demo`: a whole Bookable with a business to play with, and what a visitor is told first.

Leaves the business itself to `server.embedded.demo`, and the processes to `server.embedded.stack`.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.cli.environment import read_settings
from server.cli.up import data_dir_option, port_option, processes_option, run, show_log, verbose_option

if TYPE_CHECKING:
    from server.embedded.demo import DemoFacts
    from server.settings import Settings

LOOPBACK = "127.0.0.0/8,::1"


@click.command()
@port_option
@data_dir_option
@processes_option
@verbose_option
def demo(port: int | None, data_dir: Path, processes: int | None, verbose: bool) -> None:
    """Run it all, with a salon to play with.

    \b
    Then open the address that it prints, or read DIR/demo.json:
      bookable demo --port 8080 --data-dir .data

    Like `bookable up`, plus a business with the slug `demo`, its API key in DIR/demo.json, and no rate limits for
    this machine, which is why it does not answer through a proxy. Ctrl-C stops all of it; starting again continues.
    """
    from server.embedded.data_folder import kept_secret
    from server.embedded.demo import seed_demo
    from server.embedded.stack import Stack
    from server.tokens import Vault

    settings = read_settings()
    port = port or settings.http.port
    base_url = f"http://127.0.0.1:{port}"
    notes = data_dir / "demo.json"

    async def seed(database_url: str) -> None:
        keys = [key.get_secret_value() for key in settings.secret.keys] or [kept_secret(data_dir)]
        facts = await seed_demo(database_url, Vault(keys), earlier_key(notes), earlier_feeds(notes))
        write_notes(notes, base_url, facts)
        write_site(data_dir / "site", base_url, facts.business)

    stack = Stack(
        settings=settings,
        folder=data_dir,
        port=port,
        base_url=base_url,
        processes=processes or settings.http.processes,
        environment={
            "BOOKABLE_LIMIT_EXEMPT": LOOPBACK,
            "BOOKABLE_HTTP_LOCAL_ONLY": "true",
            **_mailbox(settings, data_dir),
            **_calendars(settings),
        },
        after_migrating=seed,
    )
    show_log(verbose=verbose)
    run(stack, lambda: welcome(notes))


def _mailbox(settings: "Settings", data_dir: Path) -> dict[str, str]:
    """A folder for mails and the log for text messages, unless they are set up to leave."""
    chosen: dict[str, str] = {}
    if settings.mail.host is None and settings.mail.folder is None:
        chosen |= {
            "BOOKABLE_MAIL_FOLDER": str((data_dir / "mail").absolute()),
            "BOOKABLE_MAIL_MAILBOX": "true",
            "BOOKABLE_MAIL_SENDER": "bookings@demo.example",
        }
    if settings.sms.channel == "off":
        chosen["BOOKABLE_SMS_CHANNEL"] = "console"
    return chosen


def _calendars(settings: "Settings") -> dict[str, str]:
    """A calendar server on this machine may be connected, and is looked at often, unless that is set up otherwise."""
    if settings.calendar.allowed_networks:
        return {}
    return {
        "BOOKABLE_CALENDAR_ALLOWED_NETWORKS": LOOPBACK,
        "BOOKABLE_CALENDAR_MIN_INTERVAL_S": "5",
        "BOOKABLE_CALENDAR_MAX_INTERVAL_S": "10",
        "BOOKABLE_CALENDAR_DELETION_HOLD_S": "5",
    }


def earlier_key(notes: Path) -> str | None:
    """The API key of an earlier run: the database has only its hash."""
    try:
        key = json.loads(notes.read_text(encoding="utf-8"))["api_key"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return key if isinstance(key, str) else None


def earlier_feeds(notes: Path) -> dict[str, str]:
    """The tokens of feeds of an earlier run, by provider, so that subscriptions go on."""
    try:
        providers = json.loads(notes.read_text(encoding="utf-8"))["providers"]
        return {p["slug"]: p["feeds"]["appointments"].split("/")[-2] for p in providers}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return {}


def feed_addresses(base_url: str, token: str) -> dict[str, str]:
    """Where a feed is read."""
    base = f"{base_url}/feeds/{token}"
    return {
        "appointments": f"{base}/appointments.ics",
        "freebusy": f"{base}/freebusy.ics",
        "ifb": f"{base}/freebusy.ifb",
    }


def write_notes(notes: Path, base_url: str, facts: "DemoFacts") -> None:
    """Write demo.json: what a script needs to try everything."""
    from server.embedded.data_folder import write_private

    content = {
        "base_url": base_url,
        "business": facts.business,
        "api_key": facts.api_key,
        "services": facts.services,
        "providers": [
            {"slug": slug, "feeds": feed_addresses(base_url, token)} for slug, token in facts.providers.items()
        ],
        "console": None,
    }
    write_private(notes, json.dumps(content, indent=2) + "\n")


_SITE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src {base_url}; connect-src {base_url}">
<title>Somebody's own site</title>
<body>
<h1>Somebody's own site</h1>
<p>Another origin, plain HTML, and a policy that lets nothing in but the widget.</p>
<script type="module" async src="{base_url}/widget/v1/bookable.js"></script>
<bookable-widget business="{business}"><a href="{base_url}/book/{business}">Book an appointment</a></bookable-widget>
</body>
</html>
"""


def write_site(folder: Path, base_url: str, business: str) -> None:
    """Write a page of somebody's own web site, with the two lines that embed the widget."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(_SITE.format(base_url=base_url, business=business), encoding="utf-8")


def welcome(notes: Path) -> str:
    """Where to click, and what to type."""
    told = json.loads(notes.read_text(encoding="utf-8"))
    base_url, business, service = told["base_url"], told["business"], told["services"][0]
    feed = told["providers"][0]["feeds"]["appointments"].replace("http://", "webcal://")
    return f"""
  Welcome! Your demo salon is open.

    Book an appointment       {base_url}/book/{business}
    Put booking on your site  {base_url}/embed?business={business}
    Read the mails it writes  {base_url}/mailbox
    Read the API docs         {base_url}/docs

  See the widget on a site of somebody else's, from a second terminal:

    python3 -m http.server 8081 --bind 127.0.0.1 --directory {notes.parent / "site"}

  Ask what is free this week:

    curl '{base_url}/v1/businesses/{business}'
    curl '{base_url}/v1/businesses/{business}/availability?service={service}'

  Subscribe to a provider's appointments in your calendar app:

    {feed}

  The API key, all names and all feeds are in {notes}.
  Ctrl-C stops everything; the same command continues where you left off.
"""
