"""
Owns `bookable web`: one web process in the foreground.

Leaves the application to `server.app`.
"""

import click

from server.cli.environment import read_settings, require


@click.command()
@click.option("--part-of", hidden=True, help="Data folder of the `up` that started this process.")
def web(part_of: str | None) -> None:
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
    from server.cli.up import warn_of_exposure
    from server.usecases.check_secret import WrongSecret

    if part_of is None:  # else `up` has said it
        warn_of_exposure(settings, settings.http.base_url)

    try:
        run_web(settings)
    except WrongSecret as error:
        raise click.ClickException(str(error)) from error
