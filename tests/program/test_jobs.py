"""``explore(jobs=…)``: several processes, one result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

import simharness
from simharness.errors import ScenarioError
from simharness.explore.parallel import search


async def counters() -> Callable[[], int]:
    """Three tasks add to one row, each by a read and a write: updates are lost."""
    world = simharness.world()
    row = simharness.shared({"n": 0})

    async def add() -> None:
        found = await world.call(lambda: row["n"])
        await world.call(lambda: row.update(n=found + 1))

    for _ in range(3):
        asyncio.create_task(add())
    return lambda: row["n"]


def nothing_is_lost(count: int) -> bool:
    return count == 3


def test_two_processes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PATIENCE_S", 0.0)
    one = simharness.explore(counters, check=nothing_is_lost)
    two = simharness.explore(counters, check=nothing_is_lost, jobs=2)
    for result in (one, two):
        assert (result.verdict, result.blocked, result.duplicates) == ("violated", 0, 0)
    assert (two.executions, two.outcomes) == (one.executions, one.outcomes)
    assert two.certificate.traces_digest == one.certificate.traces_digest
    assert two.violations[0].deviations == one.violations[0].deviations
    assert simharness.replay(counters, two.violations[0].token, check=nothing_is_lost).same_trace


def test_a_local_program_cannot_be_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PATIENCE_S", 0.0)

    async def local() -> Callable[[], int]:
        return await counters()

    with pytest.raises(ScenarioError, match="import"):
        simharness.explore(local, jobs=2)
