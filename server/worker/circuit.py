"""
Owns which peers are left alone for a moment, because they failed several times in a row.

Leaves when a message is tried again to `domain/backoff`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

OPENS_AFTER = 5
"""Troubles in a row."""

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=120)

PATIENCE = timedelta(seconds=60)
"""How long the one that was let through may keep the others waiting, should nobody ever say what became of it."""

_FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(slots=True, kw_only=True)
class _Circuit:
    """One peer in trouble. Closed: `shut_until` is None. Half open: one is let through, then `probing`."""

    troubles: int
    last: datetime
    pause: timedelta = FIRST_PAUSE
    shut_until: datetime | None = None
    probing: bool = False


class Circuits:
    """
    A circuit breaker per peer, in this process.

    Ask `admits` before each attempt, and say afterwards `fine` or `trouble`. A refusal of one message is no trouble of
    the peer.
    """

    def __init__(self) -> None:
        self._circuits: dict[str, _Circuit] = {}

    def admits(self, peer: str, *, now: datetime) -> bool:
        """Whether to try *peer* now. After a pause this lets one through, and no other until that one came back."""
        circuit = self._circuits.get(peer)
        if circuit is None or circuit.shut_until is None:
            return True
        if now < circuit.shut_until:
            return False
        circuit.probing = True
        circuit.shut_until = now + PATIENCE
        return True

    def fine(self, peer: str) -> None:
        """*peer* answered."""
        self._circuits.pop(peer, None)

    def trouble(self, peer: str, *, now: datetime) -> None:
        """*peer* did not answer, or said that it cannot. What was on its way when the circuit opened is old news."""
        circuit = self._circuits.setdefault(peer, _Circuit(troubles=0, last=now))
        circuit.last = now
        circuit.troubles += 1
        if circuit.probing:
            circuit.pause = min(circuit.pause * 2, LONGEST_PAUSE)
            circuit.probing = False
            circuit.shut_until = now + circuit.pause
        elif circuit.shut_until is None and circuit.troubles >= OPENS_AFTER:
            circuit.shut_until = now + circuit.pause

    def blocked(self, *, now: datetime) -> list[str]:
        """The peers that are not to be tried now, for the query that claims work; `admits` still has the last word."""
        self._forget(now)
        return [peer for peer, circuit in self._circuits.items() if circuit.shut_until and now < circuit.shut_until]

    def _forget(self, now: datetime) -> None:
        """What was in trouble long ago; so the table stays as small as the trouble."""
        for peer in [peer for peer, circuit in self._circuits.items() if now - circuit.last > _FORGOTTEN_AFTER]:
            del self._circuits[peer]
