"""
Owns the command `bookable`: its commands' names, its help, and how an expected problem ends: one line, exit code 1.

Leaves each command to the file of its name, imported only when it is asked for.
"""

import importlib

import click

COMMANDS = (
    *("demo", "up", "web", "worker", "migrate", "doctor"),
    *("business", "api-key", "seed", "explain", "prove", "dead-letters", "suppressions", "rotate-secrets"),
)


class Commands(click.Group):
    """Commands by name; `api-key` is in `server/cli/api_key.py`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """In the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, from its file."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"server.cli.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except _expected() as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="bookable")
def main() -> None:
    """Make any calendar bookable.

    \b
    Look at it, with a made-up salon to play with:
      bookable demo --port 8080

    \b
    Take bookings on one machine (brings a Postgres and a Redis of its own):
      bookable up --port 8080 --data-dir /var/lib/bookable

    \b
    Run the parts yourself, on as many machines as you like:
      export BOOKABLE_DATABASE_URL=postgresql://bookable:secret@db/bookable
      export BOOKABLE_REDIS_URL=redis://redis:6379/0
      export BOOKABLE_SECRET_KEYS=$(openssl rand -hex 32)
      bookable migrate
      bookable web
      bookable worker
      bookable doctor

    Settings are environment variables that begin with BOOKABLE_.
    """


def _expected() -> tuple[type[Exception], ...]:
    """Problems that a person can put right from their text alone; asked for only once something went wrong."""
    from server.domain.errors import Unavailable
    from server.embedded.errors import EmbeddedError
    from server.store.migrate import MigrationError
    from server.store.urls import UnusableUrl

    return (EmbeddedError, MigrationError, UnusableUrl, Unavailable, OSError)


if __name__ == "__main__":
    main()
