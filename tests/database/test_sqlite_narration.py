"""The timeline of the database: who, what, with which values, committed or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlite_stage import Stage, stage

from simharness.core import lane
from simharness.core.footprint import recorder
from simharness.core.step import Operation


@pytest.fixture(autouse=True)
def narrating(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lane, "watched", (__name__,))
    monkeypatch.setattr(recorder, "narrating", True)
    yield
    recorder.operations = []


async def mark(engine: AsyncEngine, *, commit: bool = True) -> None:
    lane.current_lane.set("endpoint")
    async with AsyncSession(engine) as session:
        await session.execute(text("UPDATE orders SET reason = 'UPDATE' WHERE id = :id"), {"id": 1})
        if commit:
            await session.commit()


async def look(engine: AsyncEngine) -> None:
    lane.current_lane.set("handler")
    async with AsyncSession(engine) as session:
        await session.execute(text("SELECT id, status, reason, quantity FROM orders WHERE quantity = 5"))


def told(play: Stage, effect: str) -> Operation:
    return next(operation for operation in play.operations if operation.effect == effect)


def test_a_read_shows_what_it_saw_and_what_was_not_yet_committed() -> None:
    with stage() as (play, database, _):
        engine = create_async_engine(database.url)
        play.start(mark(engine))
        play.happen("reply ROLLBACK")
        play.start(look(engine))
        play.run("UPDATE orders#1")
        play.run("SELECT orders")
        play.finish()
        read = told(play, "read")
    assert read.text == "SELECT orders#1 → status PENDING, reason NULL"
    assert (read.lane, read.target, read.subject) == ("handler", "database", "orders#1")
    assert read.observed == {"status": "PENDING", "reason": "NULL", "quantity": "5"}
    assert read.committed["reason"] == "NULL"
    assert read.uncommitted == {"reason": "UPDATE"}


def test_a_write_is_uncommitted_until_its_commit_tells_the_row() -> None:
    with stage() as (play, database, _):
        play.start(mark(create_async_engine(database.url)))
        play.finish()
        write, commit = told(play, "write"), told(play, "commit")
    assert write.text == "UPDATE orders#1 reason=UPDATE (uncommitted)"
    assert (write.committed, write.uncommitted) == ({"reason": "NULL"}, {"reason": "UPDATE"})
    assert commit.text == "COMMIT orders#1 reason=UPDATE"
    assert commit.committed == {"reason": "UPDATE"}


def test_a_rollback_names_the_rows_that_it_undid() -> None:
    with stage() as (play, database, _):
        play.start(mark(create_async_engine(database.url), commit=False))
        play.finish()
        undone = told(play, "rollback")
    assert undone.text == "ROLLBACK orders#1"
    assert undone.committed["reason"] == "NULL"


def test_the_source_is_the_line_of_the_program_without_a_directory() -> None:
    with stage() as (play, database, _):
        play.start(mark(create_async_engine(database.url)))
        play.finish()
        source = told(play, "write").source
    line = mark.__code__.co_firstlineno + 3
    assert source == f"test_sqlite_narration.py:{line}"


def test_narrating_changes_no_footprint(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for narrates in (True, False):
        monkeypatch.setattr(recorder, "narrating", narrates)
        with stage() as (play, database, _):
            engine = create_async_engine(database.url)
            play.start(mark(engine))
            play.start(look(engine))
            play.finish()
            seen.append(play.footprints)
    assert seen[0] == seen[1]


def test_the_caller_of_a_watched_package_is_relative_to_its_top_package() -> None:
    namespace = {"__name__": "shop.api.orders"}
    exec(compile("def ask(caller):\n    return caller(('shop',))", "/any/where/shop/api/orders.py", "exec"), namespace)
    ask = namespace["ask"]
    assert callable(ask)
    assert ask(lane.caller) == "api/orders.py:2"
    assert lane.caller(("shopping",)) is None
