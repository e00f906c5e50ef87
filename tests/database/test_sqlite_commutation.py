"""Whole transactions over the seam: swapping two adjacent steps whose footprints do not conflict changes nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import aiosqlite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_stage import Stage
from sqlite_statements import SCHEMA, STATEMENTS, Statement

from simharness.core.agenda import WorldEvent
from simharness.core.footprint import Footprint, conflicting, describe
from simharness.database.sqlite import SqliteDatabase, SqliteSeam, abandon

COMMIT: Statement = ("COMMIT", ())
ENDS = st.sampled_from([COMMIT, ("ROLLBACK", ())])
# Few rows, so that transactions meet.
LINE = st.integers(1, 2)
MEETING = st.one_of(
    st.tuples(st.just("SELECT n FROM parent WHERE id = ?"), st.tuples(LINE)),
    st.tuples(st.just("SELECT sum(n), count(*) FROM parent"), st.tuples()),
    st.tuples(st.just("UPDATE parent SET n = n + 1 WHERE id = ?"), st.tuples(LINE)),
    st.tuples(st.just("UPDATE child SET n = n + 1 WHERE id = ?"), st.tuples(LINE)),
    st.tuples(st.just("INSERT INTO parent (n) VALUES (1)"), st.tuples()),
)
TRANSACTIONS = st.tuples(st.booleans(), st.lists(st.one_of(MEETING, STATEMENTS), min_size=1, max_size=3), ENDS).map(
    lambda parts: [*([("BEGIN", ())] if parts[0] else []), *parts[1], *([parts[2]] if parts[0] else [])]
)
PROGRAMS = st.lists(TRANSACTIONS, min_size=2, max_size=3)


class Theatre(Stage):
    """A stage that knows which program an event belongs to; each program has one at a time."""

    actor = 0

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.next_of: dict[int, WorldEvent] = {}

    def offer(self, event: WorldEvent) -> None:
        super().offer(event)
        self.next_of[self.actor] = event

    def able(self) -> list[int]:
        return sorted(actor for actor, event in self.next_of.items() if event.ready is None or event.ready())

    def act(self, actor: int) -> Footprint:
        self.actor = actor
        event = self.next_of.pop(actor)
        self.pending = [event]
        return self.happen(event.label)


@dataclass
class Play:
    order: list[int] = field(default_factory=list)
    prints: list[Footprint] = field(default_factory=list)
    enabled: list[list[int]] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    state: list[Any] = field(default_factory=list)


async def perform(path: str, statements: list[Statement], results: list[Any]) -> None:
    connection = await aiosqlite.connect(path, isolation_level=None)
    await connection.execute("PRAGMA foreign_keys = ON")
    for sql, parameters in statements:
        try:
            results.append([tuple(row) for row in await connection.execute_fetchall(sql, parameters)])
        except sqlite3.Error as error:
            results.append(str(error))


def seed(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)


def play(database: SqliteDatabase, programs: list[list[Statement]], order: list[int], draws: list[int]) -> Play:
    """Follow ``order``, then ``draws``, then the first that can act."""
    done = Play()
    loop = asyncio.new_event_loop()
    with SqliteSeam([database]) as seam:
        theatre = Theatre(loop)
        seam.begin_execution(theatre)
        results: list[list[Any]] = [[] for _ in programs]
        tasks = []
        for actor, statements in enumerate(programs):
            theatre.actor = actor
            tasks.append(theatre.start(perform(database.path, statements, results[actor]), f"{actor}"))
        while able := theatre.able():
            at = len(done.order)
            actor = order[at] if at < len(order) else able[draws[at] % len(able)] if at < len(draws) else able[0]
            done.enabled.append(able)
            done.order.append(actor)
            done.prints.append(theatre.act(actor))
        done.results = results
        tables = ("parent", "child", "pair")
        done.state = [[tuple(row.values()) for row in database.read(f"SELECT * FROM {table}")] for table in tables]
        seam.close_execution()
        abandon(tasks)
    loop.close()
    return done


@given(PROGRAMS, st.lists(st.integers(0, 5), min_size=20, max_size=20))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_adjacent_steps_without_a_conflict_commute(programs: list[list[Statement]], draws: list[int]) -> None:
    database = SqliteDatabase()
    database.prepare(seed)
    try:
        first = play(database, programs, [], draws)
        for at, (a, b) in enumerate(zip(first.order, first.order[1:], strict=False)):
            independent = a != b and not conflicting(first.prints[at], first.prints[at + 1])
            if not independent:
                continue
            assert b in first.enabled[at], f"step {at} enabled step {at + 1} without a conflict"
            order = [*first.order[:at], b, a, *first.order[at + 2 :]]
            second = play(database, programs, order, [])
            assert (second.order, second.results, second.state) == (order, first.results, first.state)
            assert [shape(second, at + 1), shape(second, at)] == [shape(first, at), shape(first, at + 1)]
    finally:
        database.close()


def shape(done: Play, at: int) -> dict[str, Any]:
    """A footprint without the connection's own name, which a stage counts by steps."""
    return {kind: [key for key in keys if key.startswith("db ")] for kind, keys in describe(done.prints[at]).items()}
