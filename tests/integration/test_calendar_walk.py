"""`docs/calendars.md`, run as it stands: a newcomer's Radicale, the demo business, a worker, and nothing but curl."""

import asyncio
import email
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC
from email.policy import default
from pathlib import Path

import icalendar
import pytest

from server.cli.demo import write_notes
from server.embedded.demo import seed_demo
from server.tokens import Vault
from tests.processes import free_port, web_processes, worker_process
from tests.world import SECRET

GUIDE = Path(__file__).parents[2] / "docs/calendars.md"
STEPS = re.compile(r"<!-- calendar-walk-through -->\n```sh\n(.*?)```", re.DOTALL)
RADICALE = re.compile(r"<!-- radicale -->\n```sh\n(.*?)```", re.DOTALL)


@pytest.fixture
def radicale_port(tmp_path: Path) -> Iterator[int]:
    """A Radicale that was started as the guide says, in the folder of the test."""
    port = free_port()
    (command,) = RADICALE.findall(GUIDE.read_text(encoding="utf-8"))
    command = command.replace("5232", str(port)).replace(".venv/bin/radicale", f"exec {sys.executable} -m radicale")
    (tmp_path / ".data").mkdir()
    process = subprocess.Popen(["bash", "-eu", "-c", command], cwd=tmp_path, stderr=subprocess.DEVNULL)
    yield port
    process.kill()
    process.wait()


async def test_a_newcomer_connects_a_calendar_and_both_sides_follow_each_other(
    own_database_url: str, redis_url: str, tmp_path: Path, radicale_port: int
) -> None:
    assert shutil.which("curl"), "the walk-through is about curl"
    facts = await seed_demo(own_database_url, Vault([SECRET]), None)
    environment = {
        "BOOKABLE_MAIL_FOLDER": str(tmp_path / "mail"),
        "BOOKABLE_MAIL_SENDER": "bookings@demo.example",
        "BOOKABLE_CALENDAR_ALLOWED_NETWORKS": "127.0.0.0/8",
        "BOOKABLE_CALENDAR_MIN_INTERVAL_S": "5",
        "BOOKABLE_WORKER_POLL_S": "0.1",
    }
    parts = {"database_url": own_database_url, "redis_url": redis_url, **environment}
    steps = STEPS.findall(GUIDE.read_text(encoding="utf-8"))
    with web_processes(1, **parts) as here, worker_process(**parts):
        write_notes(tmp_path / ".data" / "demo.json", here, facts)
        script = "\n".join(steps).replace("http://127.0.0.1:8080", here).replace(":5232", f":{radicale_port}")
        await listening(radicale_port)
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-eu", "-o", "pipefail", "-c", script),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await shell.communicate()
            invitations = await moved_invitations(tmp_path / "mail")

    said = out.decode()
    assert (shell.returncode, err) == (0, b""), said
    assert len(steps) == 5
    for expected in (
        '"receives":true',
        '"rule":"busy"',
        "SUMMARY:Robin Example: Haircut",
        '"sequence":1',
        "SEQUENCE:1",
        '"rescheduled":1',
    ):
        assert expected in said, (expected, said)
    # The customer's calendar follows: the same UID, one change on, at the time to which it was dragged.
    (invitation,) = invitations
    (event,) = icalendar.Calendar.from_ical(invitation).events
    assert event["SEQUENCE"] == 1
    dragged = (tmp_path / ".data" / "dragged.ics").read_text()
    assert event.start.astimezone(UTC).strftime("DTSTART:%Y%m%dT%H%M%SZ") in dragged


async def listening(port: int) -> None:
    """Waits until somebody answers there."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                await writer.wait_closed()
                return


async def moved_invitations(folder: Path) -> list[bytes]:
    """The calendar parts of mails that say that an appointment has a new time, as soon as there are any."""
    while True:
        found = []
        for file in list(folder.glob("*.eml")):  # noqa: ASYNC240  # a test may wait for its own folder
            message = email.message_from_bytes(file.read_bytes(), policy=default)
            if str(message["Subject"]).startswith("New time:") and str(message["To"]).count("robin@example.com"):
                found += [
                    part.get_payload(decode=True)
                    for part in message.walk()
                    if part.get_content_type() == "text/calendar"
                ]
        if found:
            return found
        await asyncio.sleep(0.2)
