"""
Owns the promise that `make test` gets itself a browser where it may, and says what to do where it may not.

Leaves the tests in the browser to `tests/browser`.
"""

import os
import shutil
from collections.abc import Sequence

import pytest

from tests.browser_setup import PACKAGES, set_up


class Machine:
    """What is on PATH, who we are, and what was run; installing chromium puts it on PATH."""

    def __init__(self, *programs: str, root: bool = False, sudo: bool = False, network: bool = True) -> None:
        self.programs = set(programs)
        self.root, self.sudo, self.network = root, sudo, network
        self.commands: list[list[str]] = []

    def run(self, command: Sequence[str]) -> bool:
        self.commands.append(list(command))
        if command[:3] == ["sudo", "-n", "true"]:
            return self.sudo
        if "install" in command and self.network:
            self.programs.add("chromium")
        return self.network

    def set_up(self, monkeypatch: pytest.MonkeyPatch) -> str | None:
        monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in self.programs else None)
        monkeypatch.setattr(os, "geteuid", lambda: 0 if self.root else 1000)
        return set_up(self.run)


def test_a_browser_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine("google-chrome", "apt-get", root=True)

    assert machine.set_up(monkeypatch) is None
    assert machine.commands == []


@pytest.mark.parametrize(
    ("machine", "before"),
    [(Machine("apt-get", root=True), []), (Machine("apt-get", "sudo", sudo=True), ["sudo", "-n"])],
    ids=["root", "sudo"],
)
def test_it_is_installed_as_root_or_where_sudo_does_not_ask(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, before: list[str]
) -> None:
    assert machine.set_up(monkeypatch) is None
    assert machine.commands[-1][: len(before) + 2] == [*before, "apt-get", "install"]
    assert machine.commands[-1][-len(PACKAGES) :] == list(PACKAGES)


@pytest.mark.parametrize(
    ("machine", "remedy"),
    [
        (Machine("apt-get", "sudo"), "Run `sudo apt-get install -y chromium"),
        (Machine("brew"), "Install it with your package manager"),
        (Machine("apt-get", root=True, network=False), "`apt-get install -y chromium fonts-dejavu-core"),
    ],
    ids=["sudo asks", "no Debian", "no network"],
)
def test_where_it_may_not_or_cannot_one_line_says_what_is_skipped_and_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, remedy: str
) -> None:
    said = machine.set_up(monkeypatch)

    assert said is not None
    assert said.startswith("Skipped: the tests in a browser")
    assert remedy in said
    assert "\n" not in said
