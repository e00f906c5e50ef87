"""The footprints of real statements, and the check that two without a conflict commute on a real database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlite_stage import seed, stage, texts
from sqlite_statements import SCHEMA, STATEMENTS, Statement

from simharness.core import name
from simharness.core.footprint import Footprint, Recorder, conflicting, recorder
from simharness.database.footprints import Accesses, RowSet, bind
from simharness.database.keys import DatabaseKeys
from simharness.database.predicates import Predicates, lookup
from simharness.database.shape import parse
from simharness.database.sqlite.catalog import load_catalog


def play_commit() -> dict[str, Footprint]:
    async def program(url: str) -> None:
        async with AsyncSession(create_async_engine(url)) as session:
            await session.execute(text("UPDATE orders SET reason = 'UPDATE' WHERE id = :id"), {"id": 1})
            await session.commit()
            await session.execute(text("SELECT * FROM orders WHERE id = :id"), {"id": 2})
            await session.execute(text("INSERT INTO orders (bot_id, status) VALUES (1, 'NEW')"))
            await session.execute(text("SELECT * FROM orders"))
            await session.rollback()

    with stage() as (play, database, _):
        play.start(program(database.url))
        play.finish()
        return play.footprints


def test_the_commit_publishes_what_the_statement_only_locked() -> None:
    done = play_commit()
    reads, writes = texts(done["UPDATE orders#1"])
    assert "db main visible orders.1" in reads
    assert "db main writer" in writes
    assert not any("visible" in key for key in writes)
    _, writes = texts(done["COMMIT"])
    assert {"db main visible orders.1", "db main writer"} <= writes


def test_a_select_of_another_row_commutes_with_the_commit_and_a_scan_does_not() -> None:
    done = play_commit()
    assert not conflicting(done["COMMIT"], done["SELECT orders#2"])
    scan = Footprint(frozenset({name.static("x")}))
    keys = DatabaseKeys("main")
    own = Recorder()
    own.begin(0, 0, active=True)
    own.read(name.member(name.static("db main visible orders"), "*members"))
    scan = own.end()
    assert keys.commits in done["COMMIT"].adds
    assert conflicting(done["COMMIT"], scan)


def test_a_read_inside_the_own_transaction_reads_nothing_that_others_can_change() -> None:
    reads, _ = texts(play_commit()["SELECT orders"])
    assert not any("visible" in key for key in reads)


def test_an_uncommitted_write_that_is_rolled_back_publishes_nothing() -> None:
    done = play_commit()
    _, writes = texts(done["ROLLBACK"])
    assert "db main writer" in writes
    assert not any("visible" in key for key in writes)


def test_the_row_of_a_generated_key_is_published_by_its_number() -> None:
    async def program(url: str) -> None:
        async with AsyncSession(create_async_engine(url)) as session:
            await session.execute(text("INSERT INTO orders (bot_id, status) VALUES (1, 'NEW')"))
            await session.commit()

    with stage() as (play, database, _):
        play.start(program(database.url))
        play.finish()
        assert "db main visible orders.3" in texts(play.footprints["COMMIT"])[1]


def test_a_schema_change_makes_the_rest_of_the_execution_conflict_with_everything() -> None:
    async def program(url: str) -> None:
        async with AsyncSession(create_async_engine(url)) as session:
            await session.execute(text("CREATE UNIQUE INDEX one ON orders (status, id)"))
            await session.execute(text("SELECT * FROM orders WHERE id = 1"))

    with stage() as (play, database, seam):
        play.start(program(database.url))
        play.finish()
        assert "db main everything" in texts(play.footprints["SELECT"])[1]
        seam.begin_execution(play)
        assert "orders" in database.catalog.tables


# -- commuting on the real thing --------------------------------------------------------------------------------------


@contextmanager
def two_connections() -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    options: dict[str, Any] = {"uri": True, "isolation_level": None}
    shared = "file:commuting?mode=memory&cache=shared"
    with closing(sqlite3.connect(shared, **options)) as one, closing(sqlite3.connect(shared, **options)) as two:
        one.executescript(SCHEMA)
        for connection in (one, two):
            connection.execute("PRAGMA foreign_keys = ON")
        yield one, two


def outcome(connection: sqlite3.Connection, statement: Statement) -> Any:
    try:
        cursor = connection.execute(*statement)
        return cursor.fetchall(), cursor.rowcount, cursor.lastrowid if "INSERT INTO" in statement[0] else None
    except sqlite3.IntegrityError as error:
        return str(error)


def both_orders(first: Statement, second: Statement) -> list[tuple[Any, Any, Any]]:
    """Run two autocommitted statements both ways; return the result of each and the final database."""
    outcomes = []
    for swapped in (False, True):
        with two_connections() as (one, two):
            if swapped:
                late, early = outcome(two, second), outcome(one, first)
                results = early, late
            else:
                results = outcome(one, first), outcome(two, second)
            tables = ("parent", "child", "pair")
            state = [one.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]
            outcomes.append((*results, state))
    return outcomes


def footprint(*statements: Statement) -> Footprint:
    """The footprint of the last of some autocommitted statements, as the seam records it."""
    with two_connections() as (connection, _):
        for statement in statements:
            found = _recorded(connection, statement)
    return found


def _recorded(connection: sqlite3.Connection, statement: Statement) -> Footprint:
    def ask(sql: str) -> list[dict[str, Any]]:
        return [dict(enumerate(row)) for row in connection.execute(sql)]  # type: ignore[misc]  # only the order counts

    keys, catalog = DatabaseKeys("audit"), load_catalog(connection)
    predicates = Predicates(keys, ask)
    shape = parse(statement[0], "sqlite")
    accesses = bind(shape, statement[1], catalog)
    recorder.begin(0, 0, active=True)
    predicates.record_reads(accesses, lookup(shape, statement[1], accesses, catalog))
    before = predicates.contents(accesses.writes, catalog)
    result = outcome(connection, statement)
    for table in accesses.generates:
        made = (str(result[2]),) if isinstance(result, tuple) else None
        accesses = accesses | Accesses(writes=(RowSet(table, made),))
        before.setdefault(table, {}).update(dict.fromkeys(made or ()))
    keys.record_unique(accesses)
    keys.record_published(accesses)
    predicates.record_published(accesses.writes, before, catalog)
    return recorder.end()


@given(STATEMENTS, STATEMENTS)
@settings(max_examples=900, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_statements_without_a_conflict_commute(first: Statement, second: Statement) -> None:
    """Each statement from its own connection, autocommitted: same results, same database, in both orders."""
    if conflicting(footprint(first), footprint(first, second)):
        return
    straight, swapped = both_orders(first, second)
    assert straight == swapped


def test_the_audit_is_not_vacuous() -> None:
    """Different rows are independent, the same row is not; nor is a value that a row gets or loses."""
    update = "UPDATE parent SET n = n + 1 WHERE id = ?"
    assert not conflicting(footprint((update, (1,))), footprint((update, (2,))))
    assert conflicting(footprint((update, (1,))), footprint((update, (1,))))
    children = "SELECT * FROM child WHERE parent_id = ? ORDER BY id"
    move: Statement = ("UPDATE child SET parent_id = ? WHERE id = ?", (2, 1))
    assert not conflicting(footprint(move), footprint(move, (children, (3,))))
    assert conflicting(footprint(move), footprint(move, (children, (1,))))
    assert conflicting(footprint(move), footprint(move, (children, (2,))))


def test_the_catalog_knows_keys_unique_indexes_references_and_triggers(tmp_path: Path) -> None:
    path = str(tmp_path / "catalog.sqlite3")
    seed(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE packed (code TEXT PRIMARY KEY) WITHOUT ROWID;"
            "CREATE TABLE folded (code TEXT COLLATE NOCASE PRIMARY KEY);"
            "CREATE UNIQUE INDEX partial ON orders (bot_id) WHERE status = 'NEW';"
            "CREATE TRIGGER noisy AFTER UPDATE ON bots BEGIN SELECT 1; END;"
        )
        tables = load_catalog(connection).tables
    assert tables["orders"].key == ("id",)
    assert tables["orders"].generated == "id"
    assert [index.columns for index in tables["orders"].unique] == [()]
    assert tables["orders"].foreign_keys[0].parent == "bots"
    assert tables["bots"].triggers
    assert [tables[table].arrival_order for table in ("folded", "orders", "packed")] == [True, False, False]
    assert tables["folded"].key == (), "keys that differ in case name one row"
