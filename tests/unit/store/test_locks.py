"""The advisory keys: the same in every process, always in one order."""

from server.domain.claims import Claim
from server.store.engine import lock_statements
from server.store.locks import in_order, key_of, keys_for
from server.store.statement import Statement


def test_a_key_is_a_signed_64_bit_number_that_never_changes() -> None:
    assert key_of("time", 7, 20_000) == -7_314_639_076_213_580_987
    assert -(2**63) <= key_of("customer", 1, "a@example.com") < 2**63


def test_parts_do_not_run_into_each_other() -> None:
    assert key_of("time", 1, 23) != key_of("time", 12, 3)


def test_a_claim_over_midnight_has_two_keys_and_all_are_taken_in_ascending_order() -> None:
    keys = in_order(keys_for([Claim(1, 86_399, 86_401), Claim(2, 0, 60)]))

    assert len(keys) == 3
    assert keys == sorted(keys)
    assert [lock_statements(keys).index(str(key)) for key in keys] == sorted(
        lock_statements(keys).index(str(key)) for key in keys
    )


def test_a_statement_numbers_its_names_once_and_leaves_casts_alone() -> None:
    statement = Statement("SELECT :a::bigint, :b, :a, x::text, '12:30'")

    assert statement.bind({"a": 1, "b": 2, "unused": 3}) == ("SELECT $1::bigint, $2, $1, x::text, '12:30'", 1, 2)
