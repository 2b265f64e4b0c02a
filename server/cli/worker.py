"""
Owns `bookable worker`: one worker process in the foreground.

Leaves the jobs to `server.worker`.
"""

import click

from server.cli.environment import read_settings, require


@click.command()
@click.option("--part-of", hidden=True, expose_value=False, help="Data folder of the `up` that started this process.")
def worker() -> None:
    """Run one worker in the foreground.

    It sends mails, reminders and webhooks, and keeps calendars in step.

    \b
    Start one at least; more of them share the work:
      bookable worker

    Needs BOOKABLE_DATABASE_URL, BOOKABLE_REDIS_URL and BOOKABLE_SECRET_KEYS. SIGTERM hands back what it has not
    finished; nothing is lost if it is killed.
    """
    settings = read_settings()
    require(settings, "database.url", "redis.url", "secret.keys")
    from server.usecases.check_secret import WrongSecret
    from server.worker.main import run_worker

    try:
        run_worker(settings)
    except WrongSecret as error:
        raise click.ClickException(str(error)) from error
