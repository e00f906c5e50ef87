"""SELECTs by other columns than the key: when they count as reading the rows that match, and what else they meet."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import aiosqlite
import pytest
from sqlite_stage import stage

from simharness.core import name
from simharness.core.footprint import Footprint, describe, shared_keys
from simharness.database.catalog import Catalog
from simharness.database.footprints import bind
from simharness.database.predicates import Lookup, lookup
from simharness.database.shape import parse
from simharness.database.sqlite.catalog import load_catalog

SCHEMA = """
CREATE TABLE bots (id INTEGER PRIMARY KEY);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, number VARCHAR(9) UNIQUE, bot_id INTEGER REFERENCES bots(id), tag TEXT, price NUMERIC
);
CREATE TABLE folded (id INTEGER PRIMARY KEY, tag TEXT COLLATE NOCASE);
CREATE TABLE keyless (tag TEXT);
CREATE TABLE priced (price REAL PRIMARY KEY, tag TEXT);
"""


@pytest.fixture(scope="module")
def catalog() -> Iterator[Catalog]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        yield load_catalog(connection)


def found(catalog: Catalog, sql: str, *parameters: Any) -> tuple[str, tuple[str, ...]] | None:
    shape = parse(sql, "sqlite")
    by = lookup(shape, parameters, bind(shape, parameters, catalog), catalog)
    assert by is None or isinstance(by, Lookup)
    return None if by is None else (by.column, by.values)


def test_the_column_is_chosen_by_the_catalog(catalog: Catalog) -> None:
    everything = "SELECT * FROM orders WHERE tag = 'a' AND bot_id = ? AND number = ?"
    assert found(catalog, everything, 7, "n") == ("number", ("n",))
    assert found(catalog, "SELECT * FROM orders WHERE tag = 'a' AND bot_id = ?", 7) == ("bot_id", ("7",))
    assert found(catalog, "SELECT id FROM orders WHERE tag IN ('a', ?) AND price > 3", "b") == ("tag", ("a", "b"))


def test_equality_with_null_matches_nothing(catalog: Catalog) -> None:
    assert found(catalog, "SELECT * FROM orders WHERE tag = ?", None) == ("tag", ())


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM orders",
        "SELECT * FROM orders WHERE tag = 'a' OR bot_id = 1",
        "SELECT * FROM orders WHERE tag > 'a'",
        "SELECT * FROM orders WHERE tag = 'a' COLLATE NOCASE",
        "SELECT * FROM orders WHERE lower(tag) = 'a'",
        # Each of these may fail, or be asked about, at a row that does not match.
        "SELECT * FROM orders WHERE tag = 'a' AND abs(price) > 3",
        "SELECT * FROM orders WHERE tag = 'a' AND price + 1 > 3",
        "SELECT * FROM orders WHERE tag = 'a' AND bot_id = (SELECT max(id) FROM bots)",
        "SELECT * FROM orders o JOIN bots b ON b.id = o.bot_id WHERE o.tag = 'a'",
        "SELECT * FROM orders WHERE tag = 'a' UNION SELECT * FROM orders WHERE tag = 'b'",
        "WITH some AS (SELECT * FROM orders WHERE tag = 'a') SELECT * FROM some",
        # Equal values with different texts, and rows without a name.
        "SELECT * FROM orders WHERE price = 3",
        "SELECT * FROM orders WHERE bot_id = '01'",
        "SELECT * FROM folded WHERE tag = 'a'",
        "SELECT * FROM keyless WHERE tag = 'a'",
        "SELECT * FROM priced WHERE tag = 'a'",
        # By the key: nothing to be found out.
        "SELECT * FROM orders WHERE id = 1 AND tag = 'a'",
        "DELETE FROM orders WHERE tag = 'a'",
    ],
)
def test_everything_else_reads_what_its_text_tells(catalog: Catalog, sql: str) -> None:
    assert found(catalog, sql) is None


class Spelled(str):
    """A text that a program may have taught its driver to spell otherwise."""


@pytest.mark.parametrize("value", [b"a", 1.5, True, Spelled("a"), "line\n"])
def test_a_value_that_may_be_spelled_otherwise_is_not_looked_up(catalog: Catalog, value: Any) -> None:
    assert found(catalog, "SELECT * FROM orders WHERE tag = ?", value) is None


# -- over the seam ----------------------------------------------------------------------------------------------------

BY_BOT = "SELECT status FROM orders WHERE bot_id = 1"
BY_OTHER_BOT = "SELECT status FROM orders WHERE bot_id = 2"
BY_STATUS = "SELECT count(*) FROM orders WHERE status = 'NEW'"


def played(*statements: str, isolation: str | None = None) -> list[Footprint]:
    """Run statements over one connection, autocommitted; return the footprint of each."""

    async def program(path: str) -> None:
        connection = await aiosqlite.connect(path, isolation_level=isolation)
        for statement in statements:
            await connection.execute_fetchall(statement)

    with stage() as (play, database, _):
        play.start(program(database.path))
        executed = []
        while labels := play.enabled():
            footprint = play.happen(labels[0])
            executed += [] if labels[0].startswith("reply") else [footprint]
        return executed


def touched(footprint: Footprint, kind: str) -> set[str]:
    texts = {text.removeprefix("db main ") for text in describe(footprint)[kind]}
    return {text for text in texts if text.startswith(("visible", "values"))}


def meet(one: Footprint, other: Footprint) -> bool:
    """Whether two steps conflict over what the database holds; the connection is one anyway."""
    return any(name.text(key).startswith(("db main visible", "db main values")) for key in shared_keys(one, other))


def test_a_lookup_reads_its_value_and_the_rows_that_match() -> None:
    (look,) = played(BY_BOT)
    rows = {"visible orders.1", "visible orders.2", "visible orders.*whole"}
    assert touched(look, "reads") == rows | {"values orders.bot_id.1", "values orders.bot_id"}


def test_an_insert_adds_to_the_values_of_its_row() -> None:
    insert, look, other = played("INSERT INTO orders VALUES (3, 1, 'NEW', NULL, 5)", BY_BOT, BY_STATUS)
    assert {"values orders.bot_id.1", "values orders.status.NEW"} < touched(insert, "adds")
    assert not any("reason" in key for key in touched(insert, "adds")), "nothing is equal to NULL"
    assert meet(insert, look)
    assert meet(insert, other)


def test_inserts_of_one_value_commute() -> None:
    first, second = played(*(f"INSERT INTO orders VALUES ({row}, 1, 'NEW', NULL, 5)" for row in (3, 4)))
    common = touched(first, "adds") & touched(second, "adds")
    assert {"values orders.bot_id.1", "values orders.status.NEW"} < common
    assert not touched(first, "writes") & touched(second, "writes")


def test_an_update_adds_to_the_old_and_the_new_value_and_to_no_other_column() -> None:
    _, update = played(BY_STATUS, "UPDATE orders SET status = 'NEW' WHERE id = 1")
    values = {key for key in touched(update, "adds") if key.startswith("values")}
    assert values == {"values orders.status.NEW", "values orders.status.PENDING"}


def test_a_deleted_row_is_missed_where_it_was() -> None:
    delete, look, other = played("DELETE FROM orders WHERE id = 1", BY_BOT, BY_STATUS)
    assert "visible orders.1" not in touched(look, "reads")
    assert meet(delete, look)
    assert not meet(delete, other)


@pytest.mark.parametrize(
    "write",
    [
        "UPDATE orders SET quantity = 0 WHERE reason = 'x'",
        "INSERT INTO orders (bot_id, status) SELECT id, status FROM bots WHERE id = 7",
        "DELETE FROM orders WHERE status = 'GONE'",
    ],
)
def test_a_write_of_unknown_rows_meets_every_lookup(write: str) -> None:
    update, look = played(write, BY_STATUS)
    assert meet(update, look)


def test_values_that_differ_and_have_one_text_are_a_change() -> None:
    """Bytes and the text that names them: a lookup of the text finds one and not the other."""
    _, update = played("UPDATE orders SET status = 'xab' WHERE id = 1", "UPDATE orders SET status = x'ab' WHERE id = 1")
    assert "values orders.status.xab" in touched(update, "adds")


def test_a_value_without_one_text_meets_every_lookup_in_its_column_and_no_other() -> None:
    update, look, other = played("UPDATE orders SET status = '1.0' WHERE id = 1", BY_STATUS, BY_OTHER_BOT)
    assert meet(update, look)
    assert not meet(update, other)


def test_a_commit_adds_what_the_whole_transaction_has_changed() -> None:
    statements = ("UPDATE orders SET status = 'NEW' WHERE id = 1", "UPDATE orders SET status = 'OLD' WHERE id = 1")
    *_, commit = played(*statements, "COMMIT", isolation="DEFERRED")
    values = {key for key in touched(commit, "adds") if key.startswith("values")}
    assert values == {"values orders.status.OLD", "values orders.status.PENDING"}, "NEW was visible to nobody"
