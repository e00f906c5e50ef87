"""Queues in which pools keep idle connections: using one commutes until somebody has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from simharness.core.footprint import EMPTY, Footprint, recorder
from simharness.core.name import ROOT
from simharness.loop.primitives import no_free_list, tracked_asyncio


@pytest.fixture
def pooled() -> Any:
    """A queue as SQLAlchemy makes it: the name of the module decides."""
    with tracked_asyncio():
        made: dict[str, Any] = {"__name__": "sqlalchemy.pool", "Queue": asyncio.Queue}
        exec("queue = Queue(1)", made)
        yield made["queue"]


async def footprint_of(step: Callable[[], Coroutine[Any, Any, Any]]) -> Footprint:
    coroutine = step()
    recorder.begin(ROOT, 1, active=True)
    try:
        coroutine.send(None)
    except StopIteration:
        pass
    finally:
        footprint = recorder.end()
        coroutine.close()
    return footprint


def kinds(pooled: Any, action: str) -> tuple[int, int]:
    """How many keys putting an item into the queue, or getting one, writes and adds to."""

    async def step() -> None:
        await (pooled.put(1) if action == "put" else pooled.get())

    footprint = asyncio.run(footprint_of(step))
    assert footprint != EMPTY
    return len(footprint.writes), len(footprint.adds)


def test_taking_and_giving_back_commute(pooled: Any) -> None:
    assert kinds(pooled, "put") == (0, 1)
    assert kinds(pooled, "get") == (0, 1)


def test_who_waits_does_not_commute_and_neither_does_anybody_after(pooled: Any) -> None:
    assert kinds(pooled, "get") == (1, 0)  # there is none
    assert kinds(pooled, "put") == (1, 0)


def test_a_pool_can_give_its_queue_up(pooled: Any) -> None:
    no_free_list(pooled)
    assert kinds(pooled, "put") == (1, 0)
    no_free_list(pooled)
    assert kinds(pooled, "get") == (1, 0)


def test_keys_in_footprints_are_plain_numbers(pooled: Any) -> None:
    async def step() -> None:
        await pooled.put(1)

    assert {type(key) for key in asyncio.run(footprint_of(step)).adds} == {int}
