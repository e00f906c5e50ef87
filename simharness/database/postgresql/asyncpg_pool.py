"""asyncpg's own pool: what its users share without asyncio's primitives, and its timers.

Who gets which connection is settled in a queue of asyncio, which is tracked. Beside it the pool has flags and holders
of connections that other tasks look at: whoever touches those touches the queue as well, so that the order counts. An
idle connection would be closed after five minutes, by a timer that could fire between any two steps and changes nothing
but round trips; and a slow close would be complained of after one.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

# By class: what reads or writes what others of the pool's users read or write.
_SHARED = {
    "Pool": (
        *("_acquire", "close", "terminate", "expire_connections", "_check_init", "_schedule_min_size_maintenance"),
        *("is_closing", "get_size", "get_idle_size"),
    ),
    "PoolConnectionHolder": ("close", "wait_until_released"),
}


class AsyncpgPools:
    """Lets pools of asyncpg report what they share, while an execution runs."""

    def __init__(self) -> None:
        self._originals: list[tuple[Any, str, Any]] = []

    def begin(self) -> None:
        """Patch asyncpg."""
        from asyncpg import pool

        for owner, names in _SHARED.items():
            cls = getattr(pool, owner)
            for name in names:
                if name in vars(cls):  # some versions have less of them
                    self._patch(cls, name, _touching(vars(cls)[name]))
        self._patch(pool.PoolConnectionHolder, "_setup_inactive_callback", _stay)
        self._patch(pool.Pool, "close", _patient(vars(pool.Pool)["close"]))

    def end(self) -> None:
        """Put asyncpg back as it was."""
        for owner, attribute, original in reversed(self._originals):
            setattr(owner, attribute, original)
        self._originals.clear()

    def _patch(self, owner: Any, attribute: str, replacement: Any) -> None:
        self._originals.append((owner, attribute, vars(owner)[attribute]))
        setattr(owner, attribute, replacement)


def _touch(holder_or_pool: Any) -> None:
    """Access the queue of a pool, which records it."""
    queue = getattr(holder_or_pool, "_pool", holder_or_pool)._queue
    if queue is not None:
        queue.qsize()


def _touching(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method with a touch of the queue before and after; it may have been in another step before."""
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def touching_later(owner: Any, *arguments: Any, **options: Any) -> Any:
            _touch(owner)
            try:
                return await method(owner, *arguments, **options)
            finally:
                _touch(owner)

        return touching_later

    @functools.wraps(method)
    def touching(owner: Any, *arguments: Any, **options: Any) -> Any:
        _touch(owner)
        return method(owner, *arguments, **options)

    return touching


def _stay(_holder: Any) -> None:
    """Let an idle connection stay."""


def _patient(close: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``Pool.close`` without the timer that complains that it takes long."""

    @functools.wraps(close)
    async def close_patiently(pool: Any) -> None:
        loop = pool._loop
        pool._loop = _PatientLoop(loop)
        try:
            await close(pool)
        finally:
            pool._loop = loop

    return close_patiently


class _PatientLoop:
    """The loop of a pool that is closing.

    Args:
        loop: the loop.
    """

    def __init__(self, loop: Any) -> None:
        self._loop = loop

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._loop, attribute)

    def call_later(self, delay: float, callback: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Start a timer, unless it is the one that complains."""
        if getattr(callback, "__name__", "") == "_warn_on_long_close":
            return _NoTimer()
        return self._loop.call_later(delay, callback, *arguments, **options)


class _NoTimer:
    """Stands for a timer that never fires."""

    def cancel(self) -> None:
        """Do nothing."""
