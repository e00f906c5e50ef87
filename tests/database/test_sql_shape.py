"""From SQL text to the rows that it touches."""

from __future__ import annotations

from typing import Any

import pytest

from simharness.database.catalog import Catalog, ForeignKey, Table, UniqueIndex
from simharness.database.footprints import EVERYTHING, Accesses, RowSet, UniqueKey, bind, bind_many, key_text
from simharness.database.shape import Verb, parse

CATALOG = Catalog(
    {
        "bots": Table("bots", ("id", "name", "status"), ("id",), "id", (UniqueIndex("bots_name", ("name",)),)),
        "orders": Table(
            "orders", ("id", "bot_id", "status"), ("id",), "id", (), (ForeignKey(("bot_id",), "bots", ("id",)),)
        ),
        "fills": Table(
            "fills", ("order_id", "number"), ("order_id", "number"), None, (),
            (ForeignKey(("order_id",), "orders", ("id",), passive=False),),
        ),
        "audited": Table("audited", ("id",), ("id",), "id", triggers=True),
        "keyless": Table("keyless", ("a",)),
    }
)  # fmt: skip


def touched(sql: str, parameters: Any = (), dialect: str = "sqlite") -> Accesses:
    return bind(parse(sql, dialect), parameters, CATALOG)


def reads(sql: str, parameters: Any = (), dialect: str = "sqlite") -> tuple[RowSet, ...]:
    return touched(sql, parameters, dialect).reads


@pytest.mark.parametrize(
    ("sql", "parameters", "dialect"),
    [
        ("SELECT status FROM orders WHERE id = ?", (7,), "sqlite"),
        ("SELECT o.status FROM orders AS o WHERE ? = o.id AND o.status = ?", (7, "x"), "sqlite"),
        ("SELECT status FROM orders WHERE status = ? AND (id = ?2)", ("x", 7), "sqlite"),
        ("SELECT status FROM main.orders WHERE id = :order", {"order": 7}, "sqlite"),
        ("SELECT status FROM orders WHERE id = 7 LIMIT ?", (1,), "sqlite"),
        ("SELECT status FROM orders WHERE status IN ($2,$3) AND id = $1::INTEGER", (7, "a", "b"), "postgres"),
        ("SELECT status FROM orders WHERE id = %(order)s", {"order": 7}, "postgres"),
        ("WITH one AS (SELECT * FROM orders WHERE id = ?) SELECT * FROM one", ("7",), "sqlite"),
    ],
)
def test_equality_on_the_whole_key_names_the_row(sql: str, parameters: Any, dialect: str) -> None:
    assert reads(sql, parameters, dialect) == (RowSet("orders", ("7",)),)


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT * FROM orders", ()),
        ("SELECT * FROM orders WHERE id > ?", (7,)),
        ("SELECT * FROM orders WHERE id = ? OR status = ?", (7, "x")),
        ("SELECT * FROM orders WHERE NOT id = ?", (7,)),
        ("SELECT * FROM orders WHERE id = ? + 1", (7,)),
        ("SELECT * FROM orders WHERE id = CAST('7x' AS INTEGER)", ()),
        ("SELECT * FROM orders WHERE id = ? COLLATE NOCASE", ("x",)),
        ("SELECT * FROM orders WHERE id = ?", ("07",)),
        ("SELECT * FROM orders WHERE bot_id = ?", (7,)),
        ("SELECT * FROM orders WHERE id IN (SELECT id FROM orders)", ()),
    ],
)
def test_anything_less_than_the_whole_key_is_the_whole_table(sql: str, parameters: Any) -> None:
    assert RowSet("orders") in reads(sql, parameters)


def test_positions_follow_the_text_and_not_the_tree() -> None:
    sql = "SELECT CASE WHEN status = ? THEN ? END FROM orders WHERE id = ? ORDER BY ? LIMIT ? OFFSET ?"
    assert reads(sql, ("a", "b", 7, 1, 10, 0)) == (RowSet("orders", ("7",)),)


def test_a_question_mark_in_a_string_is_no_parameter() -> None:
    assert reads("SELECT '?' FROM orders WHERE status = '?' AND id = ?", (7,)) == (RowSet("orders", ("7",)),)


def test_an_in_list_names_each_row() -> None:
    assert reads("SELECT * FROM orders WHERE id IN (?, ?, 3)", (1, 2)) == (RowSet("orders", ("1", "2", "3")),)


def test_a_composite_key_needs_all_its_columns() -> None:
    assert reads("SELECT * FROM fills WHERE order_id = ? AND number = ?", (1, 2)) == (RowSet("fills", ("1,2",)),)
    assert reads("SELECT * FROM fills WHERE order_id = ?", (1,)) == (RowSet("fills"),)


def test_equality_with_null_reads_no_row() -> None:
    assert reads("SELECT * FROM orders WHERE id = ?", (None,)) == (RowSet("orders", ()),)


def test_a_join_reads_all_the_tables_that_it_mentions() -> None:
    found = reads("SELECT * FROM orders o JOIN bots b ON b.id = o.bot_id WHERE o.id = ?", (1,))
    assert set(found) == {RowSet("orders", ("1",)), RowSet("bots")}


def test_a_full_join_is_not_narrowed_by_its_condition() -> None:
    found = reads("SELECT * FROM orders o FULL JOIN bots b ON b.id = 1 WHERE o.id = ?", (1,))
    assert RowSet("bots") in found


def test_a_column_of_another_table_pins_nothing() -> None:
    found = reads("SELECT * FROM orders o, bots b WHERE b.id = ?", (1,))
    assert set(found) == {RowSet("orders"), RowSet("bots", ("1",))}


def test_an_update_reads_and_writes_its_row() -> None:
    found = touched("UPDATE orders SET status = ? WHERE id = ?", ("x", 1))
    assert (found.reads, found.writes) == ((RowSet("orders", ("1",)),), (RowSet("orders", ("1",)),))


def test_an_update_of_the_key_may_write_any_row() -> None:
    assert RowSet("orders") in touched("UPDATE orders SET id = ? WHERE id = ?", (2, 1)).writes


def test_an_update_of_a_unique_column_may_free_any_key() -> None:
    assert touched("UPDATE bots SET name = ? WHERE id = ?", ("b", 1)).unique == (UniqueKey("bots", "bots_name"),)
    assert touched("UPDATE bots SET status = ? WHERE id = ?", ("b", 1)).unique == ()


def test_an_insert_with_its_key_writes_one_row_and_takes_its_unique_keys() -> None:
    found = touched("INSERT INTO bots (id, name) VALUES (?, ?)", (3, "c"))
    assert found.writes == (RowSet("bots", ("3",)),)
    assert found.unique == (UniqueKey("bots", "bots_name", "c"),)
    assert found.reads == (RowSet("bots", ("3",)),)


def test_an_insert_without_its_key_depends_on_which_rows_exist() -> None:
    found = touched("INSERT INTO orders (bot_id, status) VALUES (?, ?)", (1, "x"))
    assert found.generates == ("orders",)
    assert found.reads == (RowSet("orders"),)
    assert found.parents == (RowSet("bots", ("1",)),)
    assert found.writes == ()


def test_only_what_others_may_refer_to_is_rekeyed() -> None:
    assert touched("UPDATE bots SET status = ? WHERE id = ?", ("b", 1)).rekeyed == ()
    assert touched("UPDATE bots SET name = ? WHERE id = ?", ("b", 1)).rekeyed == (RowSet("bots", ("1",)),)
    assert RowSet("orders", ("1",)) in touched("DELETE FROM orders WHERE id = ?", (1,)).rekeyed


def test_an_insert_without_column_names_follows_the_order_of_the_table() -> None:
    assert touched("INSERT INTO bots VALUES (?, ?, ?)", (4, "d", "x")).writes == (RowSet("bots", ("4",)),)


def test_an_insert_from_a_query_may_write_any_row() -> None:
    assert touched("INSERT INTO orders SELECT * FROM orders").writes == (RowSet("orders"),)


@pytest.mark.parametrize("sql", ["REPLACE INTO bots (id, name) VALUES (?, ?)",
    "INSERT INTO bots (id, name) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET status = 'x'"])  # fmt: skip
def test_an_upsert_may_hit_a_row_through_another_unique_index(sql: str) -> None:
    assert RowSet("bots") in touched(sql, (1, "a")).writes


def test_a_delete_reaches_children_that_cascade_and_reads_those_that_do_not() -> None:
    order = touched("DELETE FROM orders WHERE id = ?", (1,))
    assert set(order.writes) == {RowSet("orders", ("1",)), RowSet("fills")}
    bot = touched("DELETE FROM bots WHERE id = ?", (1,))
    assert bot.writes == (RowSet("bots", ("1",)),)
    assert RowSet("orders") in bot.reads


def test_executemany_touches_the_rows_of_all_its_parameters() -> None:
    found = bind_many(parse("UPDATE orders SET status = ? WHERE id = ?", "sqlite"), [("x", 1), ("y", 2)], CATALOG)
    assert found.writes == (RowSet("orders", ("1",)), RowSet("orders", ("2",)))


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE x (id INTEGER)",
        "VACUUM",
        "SELECT * FROM unheard_of",
        "SELECT mystery(id) FROM orders WHERE id = 1",
        "SELECT * FROM orders WHERE (",
        "SELECT 1; DELETE FROM orders",
        "UPDATE audited SET id = 1",
        "",
    ],
)
def test_what_is_not_understood_touches_everything(sql: str) -> None:
    assert touched(sql) == EVERYTHING


def test_a_write_inside_a_query_touches_everything() -> None:
    assert touched("WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d", (), "postgres") == EVERYTHING


def test_locking_and_returning_are_seen() -> None:
    assert parse("SELECT * FROM orders WHERE id = 1 FOR UPDATE", "postgres").locking
    assert parse("INSERT INTO orders (id) VALUES (1) RETURNING id", "sqlite").returning


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("-- why\n BEGIN IMMEDIATE", Verb.BEGIN),
        ("end transaction", Verb.COMMIT),
        ("ROLLBACK TO SAVEPOINT a", Verb.SAVEPOINT),
        ("ROLLBACK TRANSACTION", Verb.ROLLBACK),
        ("PRAGMA user_version", Verb.SETTING),
    ],
)
def test_transaction_statements_are_told_apart(sql: str, verb: Verb) -> None:
    assert parse(sql, "sqlite").verb is verb


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (True, "1"),
        (1.0, "1"),
        ("1", "1"),
        ("1.0", None),
        ("01", None),
        ("abc", "abc"),
        (1.5, None),
        (None, None),
    ],
)
def test_equal_keys_have_equal_texts(value: Any, text: str | None) -> None:
    assert key_text(value) == text
