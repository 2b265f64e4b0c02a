"""
Owns the last steps before a child's program runs: who it runs as, and that it ends when its parent is killed.

Leaves everything else to `child`, which runs this file as a script: standard library only, nothing of ours.

    python -I -S leash.py PARENT_PID SIGNAL USER|- PROGRAM ARGUMENT...
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2): a signal when the parent dies. Linux only; elsewhere the next start finds leftovers."""


def become(user: str) -> None:
    """Give up root for *user*, for good."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def die_with(parent: int, signum: int) -> None:
    """Ask the kernel for *signum* when *parent* dies; end now if it already has."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it died between fork and prctl
        sys.exit(1)


def run(arguments: list[str]) -> None:
    """Put the leash on and become the program."""
    parent, signum, user, *command = arguments
    # Python ignores SIGPIPE, and an ignored signal stays ignored in the program that follows.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if user != "-":
        become(user)
    # After `become`: changing the user clears the setting (prctl(2)).
    die_with(int(parent), int(signum))
    os.execv(command[0], command)  # noqa: S606  # no shell wanted


if __name__ == "__main__":
    run(sys.argv[1:])
