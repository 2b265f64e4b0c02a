"""
Owns the data folder: who may use it (one Bookable at a time), who may enter it, where its sockets live.

Leaves what the servers keep in it to `postgres` and `redis`.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from server.embedded.errors import DataFolderInUse, DataFolderUnusable

log = logging.getLogger("bookable.embedded")

LONGEST_SOCKET_PATH = 103
"""sun_path holds 108 bytes on Linux and 104 on macOS, with a closing NUL."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """
    The folder, made if need be, for us alone as long as the block runs.

    The lock is the kernel's (flock): it goes with the process, however that ends.

    Raises:
        DataFolderInUse: Another process has it.
        DataFolderUnusable: It cannot be made or written.
    """
    folder = folder.absolute()
    try:
        # Root's Postgres runs as a user of its own, who must pass here; the folders inside are private again.
        folder.mkdir(mode=0o700 if os.geteuid() else 0o711, parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataFolderUnusable(f"{folder} cannot be used as a data folder: {error.strerror}.") from error
    with os.fdopen(descriptor, "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataFolderInUse(folder, lock.read().strip()) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield folder


def holder(folder: Path) -> int | None:
    """The process that has the folder now; None if nobody has it, or there is no folder."""
    try:
        with (folder / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read().strip() or 0)
    except OSError:
        return None
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsAs:
    """What whoever has the folder was told beyond what lies in it, for commands that look at it from outside."""

    base_url: str
    mail_host: str | None
    mail_folder: str | None


def note_running(folder: Path, runs_as: RunsAs) -> None:
    """Write it down."""
    write_private(folder / "runs-as.json", json.dumps(asdict(runs_as)))


def noted_running(folder: Path) -> RunsAs | None:
    """Of whoever has the folder, or had it last; None if nobody did."""
    try:
        return RunsAs(**json.loads((folder / "runs-as.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def socket_folder(data: Path) -> Path:
    """
    Where the server whose data is *data* has its sockets: beside it, or in the temporary folder if that is too long.

    The server makes it with `private_folder`.
    """
    name = "bookable-" + hashlib.blake2b(os.fsencode(data), digest_size=8).hexdigest()
    beside, temporary = data.with_name(data.name + ".sock"), Path(tempfile.gettempdir()) / name
    candidates = (beside, temporary, Path("/tmp") / name)  # noqa: S108  # checked when it is made
    return next((folder for folder in candidates if _leaves_room(folder)), candidates[-1])


def _leaves_room(folder: Path) -> bool:
    return len(os.fsencode(folder / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET_PATH


def private_folder(path: Path, *, owner: int | None = None) -> Path:
    """
    Make *path* for its owner alone.

    Raises:
        DataFolderUnusable: Somebody else's folder (or link) sits there.
    """
    uid = os.geteuid() if owner is None else owner
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {uid, os.geteuid()}:
        raise DataFolderUnusable(f"{path} belongs to somebody else. Remove it, or use another data folder.")
    if found.st_uid != uid:
        os.chown(path, uid, -1, follow_symlinks=False)
    path.chmod(0o700)
    return path


def let_through(path: Path) -> None:
    """
    Let other users pass (not list, not read) the folders above *path*; for a server that may not run as root.

    Only folders that forbid it are changed, and each change is logged.
    """
    for folder in path.absolute().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.warning("chmod o+x %s: Postgres may not run as root, and its own user must pass there", folder)
            folder.chmod(mode | stat.S_IXOTH)


def write_private(path: Path, text: str) -> None:
    """Write *text* for our eyes only; a reader sees the old file or the new one, never half of it."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)


def find_secret(folder: Path) -> str | None:
    """The secret of this data folder; None before there was one, and where its file is lost."""
    try:
        return (folder / "secret").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def kept_secret(folder: Path) -> str:
    """
    The secret of this data folder, made when first asked for: without it, stored answers cannot be read.

    Ask for it only where the database has none yet: a new file must not stand where the old one belongs.
    """
    found = find_secret(folder)
    if found is None:
        found = secrets.token_urlsafe(48)
        write_private(folder / "secret", found + "\n")
    return found
