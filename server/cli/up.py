"""
Owns `bookable up`: a whole Bookable on one machine, in the foreground.

Leaves which processes that takes to `server.embedded.stack`.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.cli.environment import read_settings
from server.cli.exposure import exposure

if TYPE_CHECKING:
    from server.embedded.stack import Stack
    from server.settings import Settings

port_option = click.option(
    "--port", type=click.IntRange(1, 65535), help="Port to listen on.  [default: BOOKABLE_HTTP_PORT, 8080]"
)
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".data"),
    show_default=True,
    help="Folder that keeps everything.",
)
processes_option = click.option(
    "--processes", type=click.IntRange(1, 64), help="Web processes.  [default: BOOKABLE_HTTP_PROCESSES, 1]"
)
verbose_option = click.option("--verbose", is_flag=True, help="Show what Postgres and Redis say, too.")


@click.command()
@port_option
@data_dir_option
@processes_option
@verbose_option
def up(port: int | None, data_dir: Path, processes: int | None, verbose: bool) -> None:
    """Run a whole Bookable on this machine.

    Web, worker, and a Postgres and a Redis of its own.

    \b
    For trying out and for small businesses:
      bookable up --port 8080 --data-dir /var/lib/bookable

    \b
    With a database that you already have:
      BOOKABLE_DATABASE_URL=postgresql://bookable:secret@db/bookable bookable up

    Ctrl-C stops all of it; starting again continues with the data. What dies is started again.
    """
    from server.embedded.stack import Stack
    from server.usecases.setup import capabilities_of

    settings = read_settings()
    port = port or settings.http.port
    base_url = settings.http.base_url
    if "base_url" not in settings.http.model_fields_set:
        base_url = f"http://127.0.0.1:{port}"
    stack = Stack(
        settings=settings,
        folder=data_dir,
        port=port,
        base_url=base_url,
        processes=processes or settings.http.processes,
    )
    show_log(verbose=verbose)
    warn_of_exposure(settings, base_url)
    run(stack, lambda: _greeting(base_url, data_dir, sends_mail=capabilities_of(settings).mail))


def _greeting(base_url: str, data_dir: Path, *, sends_mail: bool) -> str:
    lines = [
        f"Bookable is up: {base_url}",
        f"API docs: {base_url}/docs",
        f"A business of your own: bookable business create --help (with --data-dir {data_dir})",
        f"Is all well? bookable doctor --data-dir {data_dir}",
    ]
    if not sends_mail:
        lines.append("No mail leaves yet: set BOOKABLE_MAIL_HOST. Until then confirmations wait in the queue.")
    return "\n" + "".join(f"  {line}\n" for line in [*lines, "Ctrl-C stops it."])


def warn_of_exposure(settings: "Settings", base_url: str) -> None:
    """Say what is not ready for everybody who can reach this."""
    for what, remedy in exposure(settings, base_url=base_url):
        click.echo(f"! {what}\n    → {remedy}", err=True)


def run(stack: "Stack", greeting: Callable[[], str]) -> None:
    """Run *stack* until a signal comes; *greeting* is told once it is ready."""
    asyncio.run(stack.run(lambda: click.echo(greeting())))
    click.echo("Stopped. Starting again continues where you left off.")


def show_log(*, verbose: bool) -> None:
    """Log to stderr, each line under the name of the part that it comes from."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ByPart())
    logger = logging.getLogger("bookable")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)


class _ByPart(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """`worker     | what it said`."""
        return f"{record.name.removeprefix('bookable.'):<10} | {record.getMessage()}"
