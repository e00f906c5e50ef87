"""Keeps chance and wall time out of executions.

What can be virtual is virtual (clocks, ``random``, ``uuid``, ``os.urandom``); what cannot (threads, subprocesses, real
sockets) is a :class:`~simharness.errors.Nondeterminism` that names the call. The guard acts only between
:func:`activate` and :func:`deactivate`, that is inside a step; around it everything is as it was.
"""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import time_machine

from simharness.core.footprint import CLOCK, recorder
from simharness.core.time import NS_PER_SECOND
from simharness.errors import Nondeterminism

EPOCH_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z: virtual time 0 on the wall clock


class Guard:
    """State of the guard: which execution's clock answers, and the stream of pseudo-random numbers."""

    def __init__(self) -> None:
        self.now_ns: Callable[[], int] | None = None
        self.random = random.Random(0)

    @property
    def active(self) -> bool:
        """Whether a step is running."""
        return self.now_ns is not None


guard = Guard()


def activate(now_ns: Callable[[], int]) -> None:
    """Let ``now_ns`` answer from now on."""
    guard.now_ns = now_ns


def deactivate() -> None:
    """Give the real functions back their voice."""
    guard.now_ns = None


def _clock(original: Callable[[], Any], convert: Callable[[int], Any]) -> Callable[[], Any]:
    def read() -> Any:
        now_ns = guard.now_ns
        if now_ns is None:
            return original()
        recorder.read(CLOCK)
        return convert(now_ns())

    read.__name__ = original.__name__
    return read


def _wall_clock_ns() -> int:
    """Return the virtual wall clock inside a step, the real one outside."""
    now_ns = guard.now_ns
    if now_ns is None:
        return int(time_machine.escape_hatch.time.time_ns())
    recorder.read(CLOCK)
    return EPOCH_NS + now_ns()


@contextmanager
def _virtual_calendar() -> Iterator[None]:
    """Let time-machine answer for the wall clock: it reaches ``datetime.now`` and names that were imported before.

    It moves neither ``monotonic`` nor ``perf_counter``: those are patched here.
    """
    with time_machine.travel(EPOCH_NS // NS_PER_SECOND, tick=False) as traveller:
        traveller.time_ns = _wall_clock_ns  # type: ignore[method-assign]  # every clock that it replaces asks this
        yield


def _forbidden(original: Callable[..., Any], what: str, instead: str) -> Callable[..., Any]:
    def refuse(*args: Any, **options: Any) -> Any:
        if not guard.active:
            return original(*args, **options)
        raise Nondeterminism(f"{what} inside an execution: {instead}")

    return refuse


def _seeded(original: Callable[..., Any], draw: Callable[..., Any]) -> Callable[..., Any]:
    def choose(*args: Any, **options: Any) -> Any:
        if not guard.active:
            return original(*args, **options)
        # The numbers depend on the place, not on the order of the draws: independent steps stay independent.
        seed = recorder.fresh("random")
        from simharness.core import name

        guard.random.seed(name.fingerprint(seed))
        return draw(*args, **options)

    return choose


def _patches() -> list[tuple[Any, str, Any]]:
    draw = guard.random
    clocks = [
        (time, "monotonic", _clock(time.monotonic, lambda ns: ns / NS_PER_SECOND)),
        (time, "monotonic_ns", _clock(time.monotonic_ns, lambda ns: ns)),
        (time, "perf_counter", _clock(time.perf_counter, lambda ns: ns / NS_PER_SECOND)),
        (time, "perf_counter_ns", _clock(time.perf_counter_ns, lambda ns: ns)),
    ]
    chance = [
        (random, each, _seeded(getattr(random, each), getattr(draw, each)))
        for each in ("random", "randint", "randrange", "choice", "choices", "uniform", "shuffle", "sample", "gauss")
    ]
    bytes_of = draw.randbytes
    chance += [
        (os, "urandom", _seeded(os.urandom, bytes_of)),
        (uuid, "uuid4", _seeded(uuid.uuid4, lambda: uuid.UUID(bytes=bytes_of(16), version=4))),
        (uuid, "uuid1", _seeded(uuid.uuid1, lambda *_: uuid.UUID(bytes=bytes_of(16), version=1))),
    ]
    refused = [
        (
            threading.Thread,
            "start",
            _forbidden(
                threading.Thread.start, "a thread starts", "use asyncio.to_thread, which simharness runs inline"
            ),
        ),
        (
            subprocess.Popen,
            "__init__",
            _forbidden(subprocess.Popen.__init__, "a subprocess starts", "hand the program a simulated one"),
        ),
        (
            time,
            "sleep",
            _forbidden(time.sleep, "time.sleep blocks the event loop", "use asyncio.sleep"),
        ),
    ]
    return clocks + chance + refused


_depth = 0


@contextmanager
def determinism_guard() -> Iterator[None]:
    """Install the guard; may be nested."""
    global _depth  # noqa: PLW0603 — the modules that are patched are global too
    _depth += 1
    if _depth > 1:
        try:
            yield
        finally:
            _depth -= 1
        return
    patches = _patches()
    before = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in patches]
    for owner, attribute, replacement in patches:
        setattr(owner, attribute, replacement)
    try:
        with _virtual_calendar():
            yield
    finally:
        _depth -= 1
        for owner, attribute, original in before:
            setattr(owner, attribute, original)
