"""
Owns `bookable web`: one web process in the foreground.

Leaves the application to `server.app`.
"""

import click

from server.cli.environment import read_settings, require


@click.command()
@click.option("--part-of", hidden=True, expose_value=False, help="Data folder of the `up` that started this process.")
def web() -> None:
    """Run one web process in the foreground.

    \b
    Several of them may share a port, on one machine or behind a load balancer:
      BOOKABLE_HTTP_HOST=0.0.0.0 BOOKABLE_HTTP_PORT=8080 bookable web

    Needs BOOKABLE_DATABASE_URL, migrated, and BOOKABLE_SECRET_KEYS. Bookings go on while Redis is away.
    SIGTERM lets running requests end.
    """
    settings = read_settings()
    require(settings, "database.url", "secret.keys")
    from server.app import run_web

    run_web(settings)
