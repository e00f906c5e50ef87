"""A small world for the tests of the bridge: a loop that owns time and order, and an agenda that a test steers."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import psycopg

from simharness.core import name
from simharness.core.agenda import WorldEvent
from simharness.core.choice import StepChooser
from simharness.core.footprint import Footprint, recorder
from simharness.core.step import Kind
from simharness.core.time import ManualClock, seconds_to_ns
from simharness.database.postgresql.database import PostgresqlDatabase

FAR_DSN = "postgresql://bot:secret@db.prod.example:6432/trading"
EPOCH_NS = 1_767_323_045_000_000_000  # 2026-01-02 03:04:05 UTC
SCHEMA = """
CREATE TABLE bots (id integer PRIMARY KEY, status text NOT NULL, note text UNIQUE,
  changed timestamptz DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE orders (id serial PRIMARY KEY, bot_id integer REFERENCES bots(id), reason text);
CREATE TABLE log (id integer PRIMARY KEY, number serial);
CREATE VIEW running AS SELECT id FROM bots WHERE status = 'RUNNING';
INSERT INTO bots (id, status) VALUES (1, 'RUNNING'), (2, 'RUNNING');
INSERT INTO orders (bot_id, reason) VALUES (1, NULL);
"""
Pick = Callable[[list[WorldEvent]], int]


def set_up(url: str) -> None:
    """Create the tables of the tests."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(SCHEMA)


class Stuck(Exception):
    """Nothing can happen any more, and the program is not done."""


class FakeAgenda:
    """Queues of world events; timers fire when nothing else can happen."""

    def __init__(self, pick: Pick) -> None:
        self.clock = ManualClock()
        self.chooser = StepChooser()
        self.queues: dict[int, deque[WorldEvent]] = {}
        self.timers: list[tuple[int, int, Callable[[], None]]] = []
        self.trace: list[tuple[str, str]] = []
        self.footprints: list[tuple[str, Footprint]] = []
        self._pick = pick
        self._timers = 0
        self._steps: dict[int, int] = {}

    def offer(self, event: WorldEvent) -> None:
        self.queues.setdefault(event.process, deque()).append(event)

    def withdraw(self, process: int) -> None:
        self.queues.pop(process, None)

    def after(self, delay_ns: int, label: str, action: Callable[[], None], *, kind: Kind = Kind.EXECUTE) -> int:
        self._timers += 1
        self.timers.append((self.clock.now_ns + delay_ns, self._timers, action))
        return self._timers

    def cancel_timer(self, timer: int) -> None:
        self.timers = [entry for entry in self.timers if entry[1] != timer]

    def enabled(self) -> list[WorldEvent]:
        heads = [queue[0] for queue in self.queues.values() if queue]
        return [event for event in heads if event.ready is None or event.ready()]

    def advance(self) -> bool:
        """Let one event happen; return whether one could."""
        enabled = self.enabled()
        if not enabled:
            return False
        event = enabled[self._pick(enabled)]
        self.queues[event.process].popleft()
        self.step(event.process, event.label, event.action)
        self.trace.append((str(event.kind), event.label))
        return True

    def step(self, process: int, label: str, action: Callable[[], None]) -> None:
        self.end_step()
        step = self._steps[process] = self._steps.get(process, -1) + 1
        recorder.begin(process, step, active=True)
        self._label = label
        action()

    def end_step(self) -> None:
        if recorder.active:
            self.footprints.append((getattr(self, "_label", "start"), recorder.end()))

    def footprint(self, label: str) -> Footprint:
        """Return what the first step whose label starts so touched."""
        return next(footprint for text, footprint in self.footprints if text.startswith(label))


class LabLoop(asyncio.BaseEventLoop):
    """asyncio's own queue, with the agenda in the place of the selector."""

    def __init__(self, agenda: FakeAgenda, database: PostgresqlDatabase) -> None:
        super().__init__()
        self.agenda = agenda
        self.database = database

    def time(self) -> float:
        return self.agenda.clock.now_ns / 1e9

    def _process_events(self, event_list: Any) -> None:
        raise AssertionError("there is no selector")

    def _write_to_self(self) -> None:
        """Nobody waits in a selector."""

    def _run_once(self) -> None:
        if self._ready:
            handle = self._ready.popleft()
            if not handle._cancelled:
                handle._run()
        elif not self.agenda.advance():
            self._fire()

    def _fire(self) -> None:
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)
        outside = min(self.agenda.timers, default=None)
        if self._scheduled and (outside is None or seconds_to_ns(self._scheduled[0]._when) <= outside[0]):
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            self.agenda.clock.advance_to(max(seconds_to_ns(handle._when), self.agenda.clock.now_ns))
            self.agenda.step(name.static("clock"), "timer", lambda: self._ready.append(handle))
        elif outside is not None:
            self.agenda.cancel_timer(outside[1])
            self.agenda.clock.advance_to(outside[0])
            self.agenda.step(name.static("clock"), "timeout", outside[2])
        else:
            raise Stuck([queue[0].label for queue in self.agenda.queues.values() if queue])

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        return await self.database.connect(self, protocol_factory, host, port, ssl=options.get("ssl"))

    async def create_unix_connection(self, protocol_factory: Any, path: Any = None, **options: Any) -> Any:
        return await self.database.connect(self, protocol_factory, path=path)

    async def start_tls(self, transport: Any, protocol: Any, *_: Any, **__: Any) -> Any:
        return transport


class Lab:
    """One database, executed again and again."""

    def __init__(self, database: PostgresqlDatabase) -> None:
        self.database = database
        self.agenda = FakeAgenda(lambda enabled: 0)

    def run(self, program: Callable[[], Coroutine[Any, Any, Any]], pick: Pick = lambda enabled: 0) -> Any:
        """Execute a program under one order of its world events, and return its result."""
        self.agenda = agenda = FakeAgenda(pick)
        loop = LabLoop(agenda, self.database)
        recorder.begin(name.ROOT, 0, active=True)
        self.database.begin(agenda, EPOCH_NS)
        try:
            return loop.run_until_complete(program())
        finally:
            agenda.end_step()
            self.database.end()
            loop.close()

    def outcomes(self, program: Callable[[], Coroutine[Any, Any, Any]], limit: int = 400) -> dict[Any, list[str]]:
        """Execute a program under every order of its world events; return each outcome with a trace that has it."""
        found: dict[Any, list[str]] = {}
        pending: list[tuple[int, ...]] = [()]
        runs = 0
        while pending:
            prefix = pending.pop()
            taken: list[tuple[int, int]] = []

            def pick(enabled: list[WorldEvent], prefix: Any = prefix, taken: Any = taken) -> int:
                value = prefix[len(taken)] if len(taken) < len(prefix) else 0
                taken.append((value, len(enabled)))
                return int(value)

            outcome = self.run(program, pick)
            found.setdefault(outcome, [label for _, label in self.agenda.trace])
            runs += 1
            assert runs <= limit, "too many orders for a test"
            values = [value for value, _ in taken]
            for depth in range(len(prefix), len(taken)):
                pending += [(*values[:depth], other) for other in range(1, taken[depth][1])]
        return found


def prefer(*wanted: str) -> Pick:
    """Pick the events whose labels contain these texts, in this order; each is used up once it happened."""
    left = list(wanted)

    def pick(enabled: list[WorldEvent]) -> int:
        for text in left[:1]:
            for at, event in enumerate(enabled):
                if text in f"{event.kind}: {event.label}":
                    left.remove(text)
                    return at
        avoid = [at for at, event in enumerate(enabled) if not any(t in f"{event.kind}: {event.label}" for t in left)]
        return avoid[0] if avoid else 0

    return pick


@asynccontextmanager
async def connected(count: int) -> AsyncIterator[list[Any]]:
    """Open raw asyncpg connections to a host that does not exist, and close them."""
    connections = [await asyncpg.connect(FAR_DSN, ssl=False) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            await connection.close()
