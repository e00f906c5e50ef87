"""Ending an execution half-way: no handle left, no task left, no report about either.

A suspended greenlet of SQLAlchemy hides its stack from the garbage collector, so a task that is merely dropped while it
waits for the database is never freed. Its coroutine has to be closed.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

# A handler that waits again while it is being closed ends at the next attempt; none is known to need a third.
_ATTEMPTS = 5


def abandon(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """End the coroutines of tasks that will not run again.

    Call it after the seam has closed the execution, with no loop running. Whatever a program tries on its way out
    (SQLAlchemy shields tasks that close its sessions) finds a loop that refuses, and so fails at once.

    Args:
        tasks: the unfinished tasks, from outermost to innermost or in any order.
    """
    with quiet_abandon(), _refusing_loop():
        for task in tasks:
            if task.done():
                continue
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own switch, absent from typeshed
            for _ in range(_ATTEMPTS):
                if _ended(task.get_coro()):
                    break


class _OverLoop:
    """Stands in for the running loop: takes nothing any more."""

    def create_task(self, coroutine: Any, **options: Any) -> NoReturn:
        """Refuse, without leaving a coroutine that was never awaited."""
        coroutine.close()
        raise RuntimeError("this execution is over")

    def __getattr__(self, attribute: str) -> NoReturn:
        raise RuntimeError("this execution is over")


@contextmanager
def _refusing_loop() -> Iterator[None]:
    # Without a running loop asyncio would fall back to the thread's own one, where new tasks pile up unseen.
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(_OverLoop())  # type: ignore[arg-type]  # only asked for what it refuses
    try:
        yield
    finally:
        asyncio._set_running_loop(before)


def _ended(coroutine: Any) -> bool:
    try:
        coroutine.close()
    except BaseException:
        # Whatever the program's clean-up raises has nobody left to hear it; it may also have waited again.
        return False
    return True


@contextmanager
def quiet_abandon() -> Iterator[None]:
    """Silence SQLAlchemy's pool and the interpreter about what is dropped inside the block."""
    logger = logging.getLogger("sqlalchemy.pool")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    hook = sys.unraisablehook
    sys.unraisablehook = _ignore
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="coroutine .* was never awaited", category=RuntimeWarning)
            yield
    finally:
        sys.unraisablehook = hook
        logger.setLevel(level)


def _ignore(report: object) -> None:
    """Drop the report of an exception in a finaliser."""
