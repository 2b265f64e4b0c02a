"""
Owns reading the settings for a command: what is wrong with them becomes one line that names the variable.

Leaves their meaning to `settings`.
"""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pydantic import ValidationError

    from server.settings import Settings


def read_settings() -> "Settings":
    """
    The settings of the environment.

    Raises:
        click.ClickException: Something in it is not valid.
    """
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from server.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        raise click.ClickException("; ".join(complaints(error))) from error
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


def complaints(error: "ValidationError") -> list[str]:
    """`BOOKABLE_HTTP_PORT: what is wrong`, without the value: it may be a password."""
    return [
        "_".join(["BOOKABLE", *(str(part).upper() for part in item["loc"][:2])]) + ": " + item["msg"]
        for item in error.errors(include_url=False, include_input=False)
    ]


def require(settings: "Settings", *names: str) -> None:
    """
    See that the settings *names* (`database.url`) are set.

    Raises:
        click.ClickException: One of them is not.
    """
    for name in names:
        group, field = name.split(".")
        if not getattr(getattr(settings, group), field):
            variable = f"BOOKABLE_{group}_{field}".upper()
            raise click.ClickException(f"{variable} is not set. (`bookable up` runs everything without it.)")
