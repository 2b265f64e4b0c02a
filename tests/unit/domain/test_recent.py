from server.domain.recent import Recent


def test_a_table_forgets_its_oldest_entry_rather_than_grow() -> None:
    table: Recent[int, str] = Recent(most=3, ttl_s=10)
    for key in (1, 2, 1, 3, 4):
        table.put(key, f"{key}", now=0)

    assert len(table) == 3
    assert [table.get(key, 0) for key in (1, 2, 3, 4)] == ["1", None, "3", "4"]


def test_what_is_old_is_not_known_but_can_be_asked_for() -> None:
    table: Recent[str, str] = Recent(most=3, ttl_s=10)
    table.put("a", "value", now=0)
    table.put("b", "longer", now=0, until=50)

    assert (table.get("a", 9.9), table.get("a", 10.1), table.get("b", 49)) == ("value", None, "longer")
    assert table.last("a") == "value"
