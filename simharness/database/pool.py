"""Connection pools: which connection one gets, and whether it had to be opened first, must not matter.

Idle connections lie in a list; who comes first takes one. Two tasks that take one each commute, although the list
sees them in some order. The free list itself is handled where asyncio's queues are (``loop.primitives``), and so is
that a pool keeps what it once opened; here the opening of a connection is kept out of the step that happens to need it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.event.attr import _CompoundListener
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Mapper
from sqlalchemy.pool import Pool, QueuePool

from simharness.core import name
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


_warming: ContextVar[bool] = ContextVar("warming up", default=False)

# Below SQLAlchemy's own limit (5 kept and 10 more) a pool is meant to run out, and who has to wait matters.
_ROOMY = 15

# Who opens the first connection of an engine, and who waits until it has been asked what server this is.
_FIRST = name.static("first connections")


class Pools:
    """What is known of the program's pools while it is explored.

    Args:
        ordinary: is called with a queue whose accesses do not commute.

    Attributes:
        exploring: whether what happens now is explored.
        cold: whether engines may open their first connection while they are explored.
        holes: what is invisible to the reduction, one sentence each.
        exact: why all pools are tracked like any queue, one sentence; empty if they are not.
    """

    def __init__(self, ordinary: Callable[[Any], None]) -> None:
        self._ordinary = ordinary
        self.exploring = self.cold = False
        self.holes: set[str] = set()
        self.exact: set[str] = set()

    def settle(self) -> None:
        """After a first execution: track all pools exactly from now on if the usual way has left a hole."""
        if self.holes:
            self.holes.clear()
            self.exact.add(
                "connection pools are tracked like any queue, for one had to open connections; with as many as can be "
                "in use at once, opened before others use the pool, fewer orders matter: "
                "simharness.database.pool.warm_up(engine, N)"
            )

    def before_checkout(self, pool: QueuePool) -> None:
        """Decide how the pool is tracked, and notice when it has nothing left to hand out."""
        queue = getattr(pool._pool, "_queue", None)
        if not isinstance(queue, asyncio.Queue):
            return  # of a synchronous engine
        limit = pool.size() + pool._max_overflow if pool._max_overflow > -1 else None
        if self.exact or (limit is not None and limit < _ROOMY):
            self._ordinary(queue)
            return
        # Keeps what it once opened: who gives back the connection too many would have to close it, which takes steps,
        # and who that is depends on what all others have given back.
        queue._maxsize = 0  # type: ignore[attr-defined]  # what its constructor was given
        if self.exploring and recorder.active and queue.empty() and not _warming.get():
            self._look_dry(pool, limit)

    def is_known(self, listeners: Any) -> bool:
        """Return whether an engine has had its first connection; in programs, who asks depends on who opened it.

        Args:
            listeners: SQLAlchemy's own, of the event ``connect`` of the engine's pool.
        """
        known = bool(getattr(listeners, "_exec_w_sync_once", False))
        if not self.cold:
            if self.exploring and recorder.active and not (known or _warming.get()):
                self.holes.add(
                    "an engine opened its first connection while it was explored, and who comes first is not told "
                    "apart; open it before: simharness.database.pool.warm_up(engine, N)"
                )
            return known
        if recorder.active:
            (recorder.read if known else recorder.write)(_FIRST)
            if not (known or self.exact or _warming.get()):
                # Whoever finds an idle connection instead does not come here, and leaves no trace of it.
                self.holes.add(
                    "an engine opened its first connection, and who finds one that is idle instead is not told apart; "
                    "open it before others use the engine: warm_up(engine, N)"
                )
        return known

    def _look_dry(self, pool: QueuePool, limit: int | None) -> None:
        if limit is not None and pool._overflow >= pool._max_overflow:
            self.holes.add(
                f"all {limit} connections of a pool were in use, and who waits for one is not told apart; a pool of "
                f"fewer than {_ROOMY} (pool_size and max_overflow) is tracked exactly, a larger one does not run out"
            )
        elif not _opens_at_once(pool):
            self.holes.add(
                f"a pool of {pool.size() + pool._overflow} connections had to open another, and who comes too late is "
                "not told apart; open as many as can be in use at once before the exploration: warm_up(engine, N)"
            )


def _opens_at_once(pool: Pool) -> bool:
    return getattr(pool._dialect, "driver", "") == "aiosqlite"


@contextmanager
def commuting_checkouts(ordinary: Callable[[Any], None]) -> Iterator[Pools]:
    """Keep the opening and closing of pooled connections out of footprints and names while the context lasts.

    Args:
        ordinary: is called with a pool's queue whose accesses do not commute, as those of others do.
    """
    pools = Pools(ordinary)
    get, create, shrink = QueuePool._do_get, Pool._create_connection, QueuePool._dec_overflow
    initialise = _CompoundListener._exec_w_sync_on_first_run

    def do_get(pool: QueuePool) -> Any:
        pools.before_checkout(pool)
        return get(pool)

    def create_connection(pool: Pool) -> Any:
        # Only what opens at once: otherwise the step ends meanwhile, and would lose its footprint.
        at_once = pools.is_known(pool.dispatch.connect) and _opens_at_once(pool)
        with recorder.aside() if at_once else nullcontext():
            return create(pool)

    def dec_overflow(pool: QueuePool) -> Any:
        pool._pool.qsize()  # touches the queue: how many there may be is read with it, but changed in another step
        return shrink(pool)

    def exec_w_sync_on_first_run(listeners: Any, *arguments: Any, **options: Any) -> None:
        # The lock that it takes has no key: all others of SQLAlchemy belong to one connection.
        known = pools.is_known(listeners)
        initialise(listeners, *arguments, **options)
        if pools.cold and not known and recorder.active:
            recorder.write(_FIRST)

    patches: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
        (QueuePool, "_do_get", do_get),
        (Pool, "_create_connection", create_connection),
        (QueuePool, "_dec_overflow", dec_overflow),
        (_CompoundListener, "_exec_w_sync_on_first_run", exec_w_sync_on_first_run),
    )
    with ExitStack() as undo:
        for owner, attribute, method in patches:
            undo.callback(setattr, owner, attribute, getattr(owner, attribute))
            setattr(owner, attribute, method)
        yield pools


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
    process has once in its life, and that would stand in front of every race of the program. Nobody else may use the
    engine until this is done.

    Args:
        engine: of the program.
        connections: how many; SQLAlchemy's pools keep five. With a server, as many as can be in use at once: where the
            exploration has to open another, nothing is proven.
    """
    token = _warming.set(True)
    try:
        async with AsyncExitStack() as stack:
            for _ in range(connections):
                await stack.enter_async_context(engine.connect())
    finally:
        _warming.reset(token)
