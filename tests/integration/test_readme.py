"""The README's walk-through, run as it stands against the demo business."""

import asyncio
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from server.app import build_app
from server.cli.demo import write_notes
from server.embedded.demo import seed_demo
from server.tokens import Vault
from tests.world import SECRET, settings_for

README = Path(__file__).parents[2] / "README.md"
STEPS = re.compile(r"<!-- walk-through -->\n```sh\n(.*?)```", re.DOTALL)


async def test_a_booking_made_with_nothing_but_the_readme_and_curl_works_first_time(
    own_database_url: str, redis_url: str, aiohttp_server: Callable[..., Awaitable[Any]], tmp_path: Path
) -> None:
    assert shutil.which("curl"), "the walk-through is about curl"
    facts = await seed_demo(own_database_url, Vault([SECRET]), None)
    (tmp_path / ".data").mkdir()
    server = await aiohttp_server(build_app(settings_for(own_database_url, redis_url)))
    write_notes(tmp_path / ".data" / "demo.json", f"http://127.0.0.1:{server.port}", facts)
    steps = STEPS.findall(README.read_text(encoding="utf-8"))
    script = "\n".join(steps).replace("http://127.0.0.1:8080", f"http://127.0.0.1:{server.port}")

    shell = await asyncio.create_subprocess_exec(
        *("bash", "-eu", "-c", script),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await shell.communicate()

    said = out.decode()
    assert (shell.returncode, err) == (0, b""), said
    assert len(steps) == 5
    for expected in (
        '"timezone":"Asia/Tokyo"',
        '"status":"confirmed"',
        "Idempotency-Replayed: true",
        "BEGIN:VCALENDAR",
        '"sequence":1',
        '"status":"cancelled"',
        '"rule":"hours"',
        "SUMMARY:",
        "\n304\n",
        "webcal://",
    ):
        assert expected in said, expected
