"""A small stage for the SQLite seam: a stock loop, and world events that a test picks one by one."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from simharness.core import name
from simharness.core.agenda import WorldEvent
from simharness.core.choice import StepChooser
from simharness.core.footprint import Footprint, recorder
from simharness.core.step import Kind, Operation
from simharness.core.time import ManualClock
from simharness.database.sqlite import SqliteDatabase, SqliteSeam
from simharness.loop.garbage import abandon, silence

SCHEMA = """
CREATE TABLE bots (id INTEGER PRIMARY KEY, status TEXT NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, bot_id INTEGER REFERENCES bots(id), status TEXT NOT NULL, reason TEXT, quantity INTEGER
);
INSERT INTO bots VALUES (1, 'ACTIVE'), (2, 'ACTIVE');
INSERT INTO orders VALUES (1, 1, 'PENDING', NULL, 5), (2, 1, 'PENDING', NULL, 7);
"""


def seed(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)


class Stage:
    """An agenda whose events happen when the test says so, by process queue as the real one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.clock = ManualClock()
        self.chooser = StepChooser()
        self.pending: list[WorldEvent] = []
        self.timers: dict[int, Callable[[], None]] = {}
        self.footprints: dict[str, Footprint] = {}
        self.operations: list[Operation] = []
        self._steps = 0

    def offer(self, event: WorldEvent) -> None:
        self.pending.append(event)

    def withdraw(self, process: int) -> None:
        self.pending = [event for event in self.pending if event.process != process]

    def after(self, delay_ns: int, label: str, action: Callable[[], None], *, kind: Kind = Kind.EXECUTE) -> int:
        timer = recorder.fresh("timer")
        self.timers[timer] = action
        return timer

    def cancel_timer(self, timer: int) -> None:
        self.timers.pop(timer, None)

    def start(self, program: Coroutine[Any, Any, Any], lane: str = "program") -> asyncio.Task[Any]:
        self._begin(f"task {lane}")
        task = self.loop.create_task(program)
        self.settle()
        recorder.end()
        return task

    def settle(self) -> None:
        for _ in range(50):
            self.loop.run_until_complete(asyncio.sleep(0))

    def enabled(self) -> list[str]:
        firsts: dict[int, WorldEvent] = {}
        for event in self.pending:
            firsts.setdefault(event.process, event)
        return [event.label for event in firsts.values() if event.ready is None or event.ready()]

    def happen(self, label: str) -> Footprint:
        """Let the first enabled event of this label happen, with what it sets off."""
        event = next(e for e in self.pending if e.label == label and (e.ready is None or e.ready()))
        self.pending.remove(event)
        self._begin(f"event {label}")
        event.action()
        footprint = self.footprints[label] = recorder.end()
        self.operations += recorder.operations
        recorder.operations = []
        self.settle()
        return footprint

    def run(self, label: str) -> None:
        """Execute a statement and deliver its reply."""
        self.happen(label)
        self.happen(f"reply {label}")

    def finish(self) -> None:
        """Let everything happen in the order in which it was offered."""
        while enabled := self.enabled():
            self.happen(enabled[0])

    def fire(self) -> None:
        timer, action = next(iter(self.timers.items()))
        del self.timers[timer]
        self._begin("timer")
        action()
        recorder.end()
        self.settle()

    def _begin(self, what: str) -> None:
        self._steps += 1
        recorder.begin(name.static(what), self._steps, active=True)


def abandon_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """End tasks that will not run again, after the seam has closed the execution."""
    with silence():
        for task in tasks:
            abandon(task)


@contextmanager
def stage(database: SqliteDatabase | None = None) -> Iterator[tuple[Stage, SqliteDatabase, SqliteSeam]]:
    """One prepared database, one installed seam, one execution."""
    own = database or SqliteDatabase()
    own.prepare(seed)
    loop = asyncio.new_event_loop()
    try:
        with SqliteSeam([own]) as seam:
            playing = Stage(loop)
            seam.begin_execution(playing)
            yield playing, own, seam
            for task in asyncio.all_tasks(loop):
                task.cancel()
    finally:
        loop.close()
        own.close()


def texts(footprint: Footprint) -> tuple[set[str], set[str]]:
    """The readable reads and writes of a footprint."""
    reads = {name.text(key) for key in footprint.reads}
    return reads, {name.text(key) for key in footprint.writes}
