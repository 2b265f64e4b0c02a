"""Peers in trouble are left alone for a moment."""

from datetime import UTC, datetime, timedelta

from server.worker.circuit import OPENS_AFTER, PATIENCE, Circuits

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """So long after the circuit opened."""
    return NOW + timedelta(seconds=seconds)


def opened() -> Circuits:
    """Circuits of which that of `peer` opened at NOW."""
    circuits = Circuits()
    for _ in range(OPENS_AFTER):
        circuits.trouble("peer", now=NOW)
    return circuits


def test_H81_five_troubles_in_a_row_shut_out_the_peer_and_nobody_else() -> None:
    circuits = opened()

    assert circuits.blocked(now=NOW) == ["peer"]
    assert not circuits.admits("peer", now=after(4.9))
    assert circuits.admits("another", now=NOW)


def test_four_troubles_do_not_nor_do_five_with_a_success_between() -> None:
    circuits = Circuits()
    for _ in range(4):
        circuits.trouble("peer", now=NOW)
    assert circuits.admits("peer", now=NOW)

    circuits.fine("peer")
    circuits.trouble("peer", now=NOW)

    assert circuits.admits("peer", now=NOW)
    assert circuits.blocked(now=NOW) == []


def test_after_the_pause_one_is_let_through_until_it_comes_back() -> None:
    circuits = opened()

    assert circuits.blocked(now=after(5)) == []
    assert [circuits.admits("peer", now=after(5)) for _ in range(3)] == [True, False, False]
    assert circuits.blocked(now=after(6)) == ["peer"]

    circuits.fine("peer")
    assert [circuits.admits("peer", now=after(6)) for _ in range(3)] == [True, True, True]


def test_H81_each_failed_probe_doubles_the_pause_up_to_two_minutes() -> None:
    circuits, moment, pauses = opened(), NOW, []
    for _ in range(7):
        tried = next(n for n in range(1, 1000) if circuits.admits("peer", now=moment + timedelta(seconds=n)))
        pauses.append(tried)
        moment += timedelta(seconds=tried)
        circuits.trouble("peer", now=moment)

    assert pauses == [5, 10, 20, 40, 80, 120, 120]


def test_what_was_on_its_way_when_the_circuit_opened_does_not_prolong_the_pause() -> None:
    circuits = opened()

    for _ in range(20):
        circuits.trouble("peer", now=after(3))

    assert circuits.admits("peer", now=after(5))


def test_a_probe_of_which_nobody_hears_again_does_not_shut_out_the_peer_for_ever() -> None:
    circuits = opened()
    assert circuits.admits("peer", now=after(5))

    assert not circuits.admits("peer", now=after(5) + PATIENCE - timedelta(seconds=1))
    assert circuits.admits("peer", now=after(5) + PATIENCE)


def test_troubles_of_long_ago_are_forgotten() -> None:
    circuits = Circuits()
    for _ in range(4):
        circuits.trouble("peer", now=NOW)

    circuits.blocked(now=NOW + timedelta(hours=2))
    circuits.trouble("peer", now=NOW + timedelta(hours=2))

    assert circuits.admits("peer", now=NOW + timedelta(hours=2))
