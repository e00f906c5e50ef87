"""Whole transactions over the seam: swapping two adjacent steps whose footprints do not conflict changes nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiosqlite
from sqlite_stage import Stage, abandon_all
from sqlite_statements import SCHEMA, Statement

from simharness.core.agenda import WorldEvent
from simharness.core.footprint import Footprint, conflicting, describe
from simharness.database.sqlite import SqliteDatabase, SqliteSeam

# Two rows and few kinds of statements, so that transactions meet; hypothesis would spend its examples on tiny ones.
MEETING: list[Callable[[int], Statement]] = [
    lambda row: ("SELECT n FROM parent WHERE id = ?", (row,)),
    lambda row: ("SELECT sum(n), count(*) FROM parent", ()),
    lambda row: ("SELECT n FROM child WHERE id = ?", (row,)),
    lambda row: ("UPDATE parent SET n = n + 1 WHERE id = ?", (row,)),
    lambda row: ("UPDATE child SET n = (SELECT n FROM parent WHERE id = ?) WHERE id = ?", (row, 3 - row)),
    lambda row: ("INSERT INTO parent (n) VALUES (1)", ()),
    lambda row: ("DELETE FROM parent WHERE id = ?", (row,)),
    lambda row: ("SELECT id, n FROM child WHERE parent_id = ?", (row,)),
    lambda row: ("SELECT max(id) FROM parent WHERE name IN ('a', ?)", (f"{row}",)),
    lambda row: ("UPDATE child SET parent_id = ? WHERE id = ?", (row, 3 - row)),
    lambda row: ("UPDATE parent SET name = id || name WHERE id = ?", (row,)),
    lambda row: ("INSERT INTO child (parent_id, n) VALUES (?, 5)", (row,)),
]


def some_program(chance: Random) -> list[Statement]:
    statements = [chance.choice(MEETING)(chance.randint(1, 2)) for _ in range(chance.randint(1, 3))]
    if chance.random() < 0.6:
        return [("BEGIN", ()), *statements, (chance.choice(["COMMIT", "COMMIT", "ROLLBACK"]), ())]
    return statements


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
        abandon_all(tasks)
    loop.close()
    return done


def test_adjacent_steps_without_a_conflict_commute() -> None:
    database = SqliteDatabase()
    database.prepare(seed)
    swaps = 0
    try:
        for number in range(240):
            chance = Random(number)
            programs = [some_program(chance) for _ in range(chance.randint(2, 3))]
            swaps += audit(database, programs, [chance.randint(0, 5) for _ in range(40)])
    finally:
        database.close()
    assert swaps > 100


def test_the_first_read_of_a_transaction_depends_on_every_commit() -> None:
    """It fixes what the later ones see, also in tables that it does not mention."""
    reader: list[Statement] = [("BEGIN", ()), MEETING[2](1), MEETING[0](1), ("COMMIT", ())]
    writer: list[Statement] = [MEETING[3](1)]
    database = SqliteDatabase()
    database.prepare(seed)
    try:
        for number in range(30):
            chance = Random(number)
            audit(database, [reader, writer], [chance.randint(0, 1) for _ in range(20)])
    finally:
        database.close()


def audit(database: SqliteDatabase, programs: list[list[Statement]], draws: list[int]) -> int:
    """Swap every independent pair of neighbours that both reach the database; return how many there were."""
    swaps = 0
    first = play(database, programs, [], draws)
    for at, (a, b) in enumerate(zip(first.order, first.order[1:], strict=False)):
        if a == b or conflicting(first.prints[at], first.prints[at + 1]):
            continue
        assert b in first.enabled[at], f"step {at} enabled step {at + 1} without a conflict: {programs}"
        if not (any(shape(first, at).values()) and any(shape(first, at + 1).values())):
            continue
        order = [*first.order[:at], b, a, *first.order[at + 2 :]]
        second = play(database, programs, order, [])
        assert (second.order, second.results, second.state) == (order, first.results, first.state), programs
        assert [shape(second, at + 1), shape(second, at)] == [shape(first, at), shape(first, at + 1)], programs
        swaps += 1
    return swaps


def shape(done: Play, at: int) -> dict[str, Any]:
    """A footprint without the connection's own name, which a stage counts by steps."""
    return {kind: [key for key in keys if key.startswith("db ")] for kind, keys in describe(done.prints[at]).items()}
