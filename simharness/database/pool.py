"""Connection pools: which connection one gets, and whether it had to be opened first, must not matter.

Idle connections lie in a list; who comes first takes one. Two tasks that take one each commute, although the list
sees them in some order. The free list itself is handled where asyncio's queues are (``loop.primitives``); here the
opening of a connection is kept out of the step that happens to need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext
from typing import Any
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Mapper
from sqlalchemy.pool import Pool

from simharness.core.footprint import recorder


@contextmanager
def loaded_by(adopt: Callable[[Any], Any]) -> Iterator[None]:
    """Call ``adopt`` with every object that SQLAlchemy's ORM loads or refreshes: it belongs to the session that did."""

    def loaded(target: Any, _context: Any) -> None:
        adopt(target)

    event.listen(Mapper, "load", loaded)
    try:
        yield
    finally:
        event.remove(Mapper, "load", loaded)


@contextmanager
def commuting_checkouts() -> Iterator[None]:
    """Keep the opening of pooled connections out of footprints and names while the context lasts."""
    original = Pool._create_connection

    def create_connection(pool: Pool) -> Any:
        # Only what opens at once: with a server the step ends meanwhile, and would lose its footprint.
        with recorder.aside() if getattr(pool._dialect, "driver", "") == "aiosqlite" else nullcontext():
            return original(pool)

    Pool._create_connection = create_connection  # type: ignore[method-assign, assignment]  # restored below
    try:
        yield
    finally:
        Pool._create_connection = original  # type: ignore[method-assign]  # as it was


# Engines that outlive an execution, as long as anybody has them.
_kept: WeakSet[AsyncEngine] = WeakSet()


def renewed(engine: AsyncEngine) -> AsyncEngine:
    """Give an engine an empty pool, as if its process had just begun; its compiled statements stay.

    A new engine for every execution compiles the same statements again each time, which takes longer than running
    them. What stays is a function of the statements and of the database's version, so no execution can tell.
    """
    _kept.add(engine)
    _empty(engine)
    return engine


def empty_kept_pools() -> None:
    """Drop the connections of an execution that is over; what they say about it is for the caller to silence."""
    for engine in list(_kept):
        _empty(engine)


def _empty(engine: AsyncEngine) -> None:
    # Not closed: the seam has cut the connections of the execution before.
    engine.sync_engine.dispose(close=False)


async def warm_up(engine: AsyncEngine, connections: int = 5) -> None:
    """Open connections of a pool, as a service does that has been running for a while.

    The first connection of an engine asks the server for its version while all others wait for it: a race that every
    process has once in its life, and that would stand in front of every race of the program.

    Args:
        engine: of the program.
        connections: how many; SQLAlchemy's pools keep five.
    """
    async with AsyncExitStack() as stack:
        for _ in range(connections):
            await stack.enter_async_context(engine.connect())
