"""The aiosqlite seam: what others see when, who waits, and what is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
import weakref
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlite_stage import Stage, abandon_all, stage

from simharness.database.sqlite import SqliteDatabase, SqliteSeam
from simharness.errors import Nondeterminism

REASON = "SELECT reason FROM orders WHERE id = 1"
MARK = "UPDATE orders SET reason = 'UPDATE' WHERE id = 1"
STOP = "UPDATE bots SET status = 'STOPPED' WHERE id = 1"


async def run(engine: AsyncEngine, *statements: str, commit: bool = True) -> list[Any]:
    """Run statements in one session and return the first column of the last one's rows."""
    async with AsyncSession(engine) as session:
        for statement in statements:
            result = await session.execute(text(statement))
        rows = [row[0] for row in result.all()] if result.returns_rows else []  # type: ignore[attr-defined]
        if commit:
            await session.commit()
        return rows


def warm(play: Stage, engine: AsyncEngine) -> None:
    """Get SQLAlchemy's first connection over with."""
    play.start(run(engine, "SELECT 1"))
    play.finish()


def test_a_flushed_write_is_invisible_to_other_sessions_until_the_commit() -> None:
    with stage() as (play, database, _):
        engine = create_async_engine(database.url)
        warm(play, engine)
        play.start(run(engine, MARK))
        play.run("UPDATE orders#1")
        early = play.start(run(engine, REASON, commit=False))
        play.run("SELECT orders#1")
        play.happen("COMMIT")
        late = play.start(run(engine, REASON, commit=False))
        play.run("SELECT orders#1")
        play.finish()
        assert (early.result(), late.result()) == ([None], ["UPDATE"])


def test_a_write_waits_for_the_writer_and_is_granted_by_its_commit() -> None:
    with stage() as (play, database, seam):
        engine = create_async_engine(database.url)
        warm(play, engine)
        first = play.start(run(engine, MARK))
        second = play.start(run(engine, STOP))
        assert set(play.enabled()) == {"UPDATE orders#1", "UPDATE bots#1"}
        play.run("UPDATE orders#1")
        assert play.enabled() == ["COMMIT"]
        assert [wait.statement for wait in seam.waits()] == ["UPDATE bots#1"]
        play.happen("COMMIT")
        assert seam.waits() == []
        play.finish()
        assert first.done()
        assert second.done()
        assert database.read("SELECT reason, (SELECT status FROM bots) AS status FROM orders WHERE id = 1") == [
            {"reason": "UPDATE", "status": "STOPPED"}
        ]


def test_any_waiter_may_be_granted_first() -> None:
    with stage() as (play, database, seam):
        engine = create_async_engine(database.url)
        warm(play, engine)
        for statement in (MARK, STOP, "DELETE FROM orders WHERE id = 2"):
            play.start(run(engine, statement))
        play.run("UPDATE orders#1")
        assert len(seam.waits()) == 2
        play.happen("COMMIT")
        assert {"UPDATE bots#1", "DELETE orders#2"} <= set(play.enabled())
        play.finish()


def test_a_rollback_releases_the_lock_and_undoes_the_write() -> None:
    with stage() as (play, database, _):
        engine = create_async_engine(database.url)
        warm(play, engine)
        play.start(run(engine, MARK, commit=False))
        second = play.start(run(engine, STOP))
        play.run("UPDATE orders#1")
        assert play.enabled() == ["ROLLBACK"]
        play.finish()
        assert second.done()
        assert database.read(REASON) == [{"reason": None}]


def test_a_snapshot_that_was_overtaken_gets_busy_snapshot() -> None:
    async def upgrade(path: str) -> str:
        async with aiosqlite.connect(path, isolation_level=None) as connection:
            await connection.execute("BEGIN")
            await connection.execute_fetchall(REASON)
            try:
                await connection.execute(STOP)
            except sqlite3.OperationalError as error:
                return error.sqlite_errorname
            return "granted"

    with stage() as (play, database, _):
        engine = create_async_engine(database.url)
        warm(play, engine)
        task = play.start(upgrade(database.path))
        for label in ("reply connector", "BEGIN", "reply BEGIN", "SELECT orders#1", "reply SELECT orders#1"):
            play.happen(label)
        writer = play.start(run(engine, MARK))
        for label in ("UPDATE orders#1", "reply UPDATE orders#1"):
            play.happen(label)
        assert "UPDATE bots#1" in play.enabled(), "with a snapshot there is nothing to wait for"
        play.run("COMMIT")
        play.finish()
        assert writer.done()
        assert task.result() == "SQLITE_BUSY_SNAPSHOT"


def test_a_half_read_cursor_gets_busy_at_once() -> None:
    async def read_and_write(path: str) -> str:
        async with aiosqlite.connect(path) as connection:
            async with connection.execute("SELECT id FROM orders") as cursor:
                await cursor.fetchone()
                try:
                    await connection.execute(STOP)
                except sqlite3.OperationalError as error:
                    return error.sqlite_errorname
            return "granted"

    with stage() as (play, database, seam):
        engine = create_async_engine(database.url)
        warm(play, engine)
        task = play.start(read_and_write(database.path))
        for label in ("reply connector", "SELECT orders", "reply SELECT orders"):
            play.happen(label)
        play.start(run(engine, MARK))
        play.run("UPDATE orders#1")
        play.happen("reply fetchone")
        assert seam.waits() == []
        play.happen("UPDATE bots#1")
        play.finish()
        assert task.result() == "SQLITE_BUSY"


def test_a_user_without_patience_gets_busy_at_once() -> None:
    async def impatient(path: str) -> str:
        async with aiosqlite.connect(path) as connection:
            await connection.execute("PRAGMA busy_timeout = 0")
            try:
                await connection.execute(STOP)
            except sqlite3.OperationalError as error:
                return str(error)
            return "granted"

    with stage() as (play, database, _):
        engine = create_async_engine(database.url)
        warm(play, engine)
        task = play.start(impatient(database.path))
        play.happen("reply connector")
        play.start(run(engine, MARK))
        play.run("UPDATE orders#1")
        play.happen("reply SETTING")
        play.happen("UPDATE bots#1")
        play.finish()
        assert task.result() == "database is locked"


def test_a_lock_wait_times_out_only_where_the_scenario_allows_it() -> None:
    with stage(SqliteDatabase(lock_timeout_ns=5_000_000_000)) as (play, database, _):
        engine = create_async_engine(database.url)
        warm(play, engine)
        play.start(run(engine, MARK))
        waiting = play.start(run(engine, STOP))
        assert not play.timers
        play.run("UPDATE orders#1")
        play.fire()
        play.finish()
        with pytest.raises(OperationalError, match="database is locked"):
            waiting.result()


def test_a_lock_timeout_ends_with_the_wait() -> None:
    with stage(SqliteDatabase(lock_timeout_ns=5_000_000_000)) as (play, database, _):
        engine = create_async_engine(database.url)
        warm(play, engine)
        play.start(run(engine, MARK))
        waiting = play.start(run(engine, STOP))
        play.run("UPDATE orders#1")
        assert len(play.timers) == 1
        play.finish()
        assert not play.timers
        assert waiting.exception() is None


def test_operations_of_a_shared_connection_keep_their_order() -> None:
    async def shared(path: str) -> list[Any]:
        async with aiosqlite.connect(path, isolation_level=None) as connection:
            asked = [connection.execute_fetchall(sql) for sql in (MARK, REASON)]
            return await asyncio.gather(*(asyncio.ensure_future(_awaited(item)) for item in asked))

    async def _awaited(item: Any) -> Any:
        return await item

    with stage() as (play, database, _):
        task = play.start(shared(database.path))
        play.happen("reply connector")
        assert play.enabled() == ["UPDATE orders#1"]
        play.happen("UPDATE orders#1")
        play.happen("SELECT orders#1")
        assert play.enabled() == ["reply UPDATE orders#1"]
        play.finish()
        assert task.result()[1] == [("UPDATE",)]


def test_a_half_read_returning_commits_when_the_rest_is_fetched() -> None:
    async def returning(path: str) -> None:
        async with aiosqlite.connect(path, isolation_level=None) as connection:
            cursor = await connection.execute("UPDATE orders SET reason = 'STOP' RETURNING id")
            await cursor.fetchall()

    with stage() as (play, database, _):
        play.start(returning(database.path))
        play.happen("reply connector")
        play.run("UPDATE orders")
        assert database.locked()
        play.happen("fetchall")
        assert not database.locked()
        assert database.holder is None


def test_an_abandoned_execution_leaves_no_handle_and_no_task(caplog: pytest.LogCaptureFixture) -> None:
    before = live_tasks()
    with stage() as (play, database, seam):
        engine = create_async_engine(database.url)
        warm(play, engine)
        tasks = [play.start(run(engine, MARK)), play.start(run(engine, "SELECT id FROM orders"))]
        play.run("UPDATE orders#1")
        database.read("SELECT 1 AS one")
        assert handles(database)
        ends = [weakref.ref(task) for task in tasks]
        seam.close_execution()
        assert not handles(database)
        abandon_all(tasks)
        play.pending.clear()
        tasks.clear()
        gc.collect()
        assert [end() for end in ends] == [None, None]
        assert live_tasks() <= before, "closing itself started tasks that nobody runs"
        assert not caplog.records


def live_tasks() -> int:
    gc.collect()
    return sum(isinstance(thing, asyncio.Task) for thing in gc.get_objects())


def handles(database: SqliteDatabase) -> list[str]:
    """Open files of the database, deleted ones included."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(link))  # noqa: PTH115 — Path.readlink would lose the ' (deleted)' mark's spelling
        except OSError:
            continue
    return [path for path in found if path.startswith(database.path)]


def test_each_execution_starts_from_the_template() -> None:
    with stage() as (play, database, seam):
        engine = create_async_engine(database.url)
        play.start(run(engine, MARK))
        play.finish()
        assert database.read(REASON) == [{"reason": "UPDATE"}]
        seam.begin_execution(play)
        assert database.read(REASON) == [{"reason": None}]


def test_the_patch_is_gone_after_the_exploration() -> None:
    before = aiosqlite.core.Connection.__init__
    with SqliteSeam([]):
        assert aiosqlite.core.Connection.__init__ is not before
    assert aiosqlite.core.Connection.__init__ is before


def test_a_database_that_nobody_resets_is_refused(tmp_path: Path) -> None:
    async def stray() -> None:
        await aiosqlite.connect(tmp_path / "stray.sqlite3")

    with stage() as (play, _, _):
        task = play.start(stray())
        play.finish()
        with pytest.raises(Nondeterminism, match=r"stray\.sqlite3"):
            task.result()


def test_sql_reads_the_virtual_clock() -> None:
    parts = ("CURRENT_TIMESTAMP", "datetime('now', '+1 day')", "strftime('%s')", "date('2020-02-28')")
    sql = "SELECT " + " || ' ' || ".join(parts)
    with stage() as (play, database, _):
        engine = create_async_engine(database.url)
        play.clock.advance_to(61_000_000_000)
        task = play.start(run(engine, sql, commit=False))
        play.finish()
        assert task.result() == ["2026-01-01 00:01:01 2026-01-02 00:01:01 1767225661 2020-02-28"]


def test_random_in_sql_is_a_finding() -> None:
    with stage() as (play, database, seam):
        engine = create_async_engine(database.url)
        play.start(run(engine, "SELECT random()"))
        play.finish()
        assert seam.findings == ["SQL calls random(): its results differ from run to run"]
