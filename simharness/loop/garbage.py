"""Garbage collection at our own moments: never inside a step, seldom between executions.

A finalizer that runs in the middle of a step (a future that complains, a connection that goes back to its pool) would
depend on the allocator. And collecting everything after every execution costs several times what the execution does.
"""

from __future__ import annotations

import gc
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Executions leave a few thousand objects in cycles; the youngest generations are cheap as long as the rest is frozen.
_EXECUTIONS_PER_COLLECTION = 16

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
    gc.collect()
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


@contextmanager
def silence() -> Iterator[None]:
    """Let nobody log or warn: what is being thrown away is no news about the program."""
    disabled, hook = logging.root.manager.disable, sys.unraisablehook
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = _ignore
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        sys.unraisablehook = hook


def _ignore(unraisable: object) -> None:
    """Say nothing: a coroutine that is thrown away half-way may refuse to end."""
    del unraisable
