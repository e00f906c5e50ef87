"""Garbage collection at our own moments: never inside a step, seldom between executions.

A finalizer that runs in the middle of a step (a future that complains, a connection that goes back to its pool) would
depend on the allocator. And collecting everything after every execution costs several times what the execution does.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import warnings
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from simharness.loop.futures import is_done

# Executions leave a few thousand objects in cycles; the youngest generations are cheap as long as the rest is frozen.
_EXECUTIONS_PER_COLLECTION = 16

# A handler that waits again while it is being closed ends at the next attempt; none is known to need a third.
_ATTEMPTS = 5

_closed = 0
_frozen = False


@contextmanager
def collected_between_executions() -> Iterator[None]:
    """Freeze what is alive now and switch the collector off; executions call :func:`execution_closed`."""
    global _frozen  # noqa: PLW0603 — the collector is global too
    if _frozen:
        yield
        return
    was_enabled = gc.isenabled()
    # As below: executions that warmed everything up have left their garbage too.
    collect()
    gc.freeze()
    gc.disable()
    _frozen = True
    try:
        yield
    finally:
        _frozen = False
        gc.unfreeze()
        collect()
        if was_enabled:
            gc.enable()


def execution_closed() -> None:
    """Collect now and then what closed executions left behind."""
    global _closed  # noqa: PLW0603 — as above
    _closed += 1
    if _frozen and _closed % _EXECUTIONS_PER_COLLECTION == 0:
        collect()


def collect() -> None:
    """Collect without a word: finalizers of abandoned executions complain about being abandoned."""
    with silence():
        gc.collect()


def abandon(task: asyncio.Task[Any]) -> None:
    """End the coroutine of a task that will not run again, without any message about it; call it in :func:`silence`.

    A suspended greenlet of SQLAlchemy hides its stack from the collector: a task that is merely dropped while it waits
    for the database is never freed.
    """
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own switch, absent from typeshed
    task._log_traceback = False  # as above
    coroutine = None if is_done(task) else task.get_coro()
    if coroutine is not None:
        _close(coroutine)
    # anyio keeps what it knows of a task for as long as the task lives, and knows a scope that holds the task. Whoever
    # ends outside of a step cannot leave the scope ("in a different task"), so both would live for ever.
    states = getattr(sys.modules.get("anyio._backends._asyncio"), "_task_states", None)
    if states is not None:
        states.pop(task, None)


def _close(coroutine: Coroutine[Any, Any, Any] | Generator[Any, Any, Any]) -> None:
    for _ in range(_ATTEMPTS):
        with suppress(BaseException):
            # Whatever the program's clean-up raises has nobody left to hear it; it may also wait again.
            coroutine.close()
            return


class _OverLoop:
    """Stands in for the running loop while things are thrown away: takes nothing any more."""

    def create_task(self, coroutine: Any, **options: Any) -> NoReturn:
        """Refuse, without leaving a coroutine that was never awaited."""
        del options
        coroutine.close()
        raise RuntimeError("this execution is over")

    def __getattr__(self, attribute: str) -> NoReturn:
        raise RuntimeError("this execution is over")


@contextmanager
def silence() -> Iterator[None]:
    """Let nobody log, warn or start anything: what is being thrown away is no news about the program.

    Clean-up code that asks for the running loop finds one that refuses. Without one asyncio would make a stock loop for
    the thread (SQLAlchemy shields the task that closes a connection), which nobody runs and nobody closes.
    """
    disabled, hook, running = logging.root.manager.disable, sys.unraisablehook, asyncio._get_running_loop()
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = _ignore
    if running is None:
        asyncio._set_running_loop(_OverLoop())  # type: ignore[arg-type]  # only asked for what it refuses
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        asyncio._set_running_loop(running)
        logging.disable(disabled)
        sys.unraisablehook = hook


def _ignore(unraisable: object) -> None:
    """Say nothing: a coroutine that is thrown away half-way may refuse to end."""
    del unraisable
