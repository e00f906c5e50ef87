"""Keeps chance and wall time out of executions.

What can be virtual is virtual (clocks, ``random``, ``secrets``, ``uuid``, ``os.urandom``); what cannot (threads,
subprocesses, real sockets) is a :class:`~simharness.errors.Nondeterminism` that names the call. It ends the search also
if the program swallows it: what it did then is not what it would do. The guard acts only between :func:`activate` and
:func:`deactivate`, that is inside a step and while the program is built; around it everything is as it was.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

import time_machine

from simharness.core import lane, name
from simharness.core.footprint import CLOCK, recorder
from simharness.core.time import NS_PER_SECOND
from simharness.errors import Nondeterminism

EPOCH_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z: virtual time 0 on the wall clock


class Guard:
    """State of the guard: which execution's clock answers, and the stream of pseudo-random numbers."""

    def __init__(self) -> None:
        self.now_ns: Callable[[], int] | None = None
        self.random = random.Random(0)
        self.refusal: Nondeterminism | None = None
        self.remarks: list[tuple[str, str]] = []
        self.in_a_thread = False

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


def refused(message: str) -> Nondeterminism:
    """Return the error for what cannot be simulated, with the place of the call, and remember it."""
    error = Nondeterminism(f"{call_site()}: {message}")
    guard.refusal = guard.refusal or error
    return error


def declare(engine: str) -> str:
    """Return the way out for a program that connects to a database which nobody serves."""
    return f"declare the database: explore(…, database='{engine}'), in a scenario `database: {engine}`"


def check_refusals() -> None:
    """Raise what was refused since the last time, whatever the program made of it.

    Raises:
        Nondeterminism: something was.
    """
    refusal, guard.refusal = guard.refusal, None
    if refusal is not None:
        raise refusal


def remark(kind: str, text: str) -> None:
    """Note what is worth knowing and no order of events is to blame for: ``blocking`` or ``swallowed``."""
    if guard.active:
        guard.remarks.append((kind, text))


def take_remarks() -> list[tuple[str, str]]:
    """Return what was noted since the last time."""
    remarks, guard.remarks = guard.remarks, []
    return remarks


@contextmanager
def in_a_thread() -> Iterator[None]:
    """Let code sleep that the program has sent to a thread."""
    guard.in_a_thread = True
    try:
        yield
    finally:
        guard.in_a_thread = False


def call_site() -> str:
    """Return ``file:line`` of the innermost caller that is neither ours nor the standard library's."""
    watched = lane.caller()
    if watched is not None:
        return watched
    frame = sys._getframe(1)
    while frame is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package != "simharness" and package not in sys.stdlib_module_names:
            return f"{PurePath(frame.f_code.co_filename).name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return "the program"


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
        raise refused(f"{what} inside an execution: {instead}")

    return refuse


def _thread_start(original: Callable[..., Any]) -> Callable[..., Any]:
    def refuse(thread: threading.Thread) -> Any:
        # aiosqlite opens a thread for each connection; before 0.22 the connection was itself the thread.
        target = getattr(thread, "_target", None)
        if "aiosqlite.core" in (type(thread).__module__, getattr(target, "__module__", "")):
            return _forbidden(original, "a SQLite database is opened", declare("sqlite"))(thread)
        instead = "use asyncio.to_thread, which simharness runs inline"
        return _forbidden(original, "a thread starts", instead)(thread)

    return refuse


def _sleep(original: Callable[[float], None]) -> Callable[[float], None]:
    def sleep(seconds: float, /) -> None:
        if not guard.active:
            original(seconds)
            return
        if guard.in_a_thread:
            return
        # A finding and no error: nothing else can happen meanwhile, so the orders are those without it.
        remark("blocking", f"{call_site()}: time.sleep({seconds}) blocks the event loop; use asyncio.sleep")

    return sleep


def _told_time(original: Callable[..., str]) -> Callable[..., str]:
    def tell(*args: Any) -> str:
        # time-machine answers for localtime, not for what C code asks by itself.
        moment = args or ((time.time(),) if original.__name__ == "ctime" else (time.localtime(),))
        return original(*moment)

    return tell


def _seed(original: Callable[..., None]) -> Callable[..., None]:
    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None and guard.active:
            a = name.fingerprint(recorder.fresh("random"))
        original(self, a, version)

    return seed


def _seeded(original: Callable[..., Any], draw: Callable[..., Any]) -> Callable[..., Any]:
    def choose(*args: Any, **options: Any) -> Any:
        if not guard.active:
            return original(*args, **options)
        # The numbers depend on the place, not on the order of the draws: independent steps stay independent.
        guard.random.seed(name.fingerprint(recorder.fresh("random")))
        return draw(*args, **options)

    return choose


# Of the module random: state, and not chance.
_NOT_DRAWN = ("seed", "getstate", "setstate")


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
        for each in random.__all__
        if each not in _NOT_DRAWN and not isinstance(getattr(random, each), type)
    ]
    bytes_of = draw.randbytes
    entropy: list[tuple[Any, str, Any]] = [
        (os, "urandom", _seeded(os.urandom, bytes_of)),
        (random, "_urandom", _seeded(os.urandom, bytes_of)),  # what SystemRandom, and so secrets, draws from
        (random.Random, "seed", _seed(random.Random.seed)),
        (uuid, "uuid4", _seeded(uuid.uuid4, lambda: uuid.UUID(bytes=bytes_of(16), version=4))),
        (uuid, "uuid1", _seeded(uuid.uuid1, lambda *_: uuid.UUID(bytes=bytes_of(16), version=1))),
    ]
    banned = [
        (threading.Thread, "start", _thread_start(threading.Thread.start)),
        (
            subprocess.Popen,
            "__init__",
            _forbidden(subprocess.Popen.__init__, "a subprocess starts", "hand the program a simulated one"),
        ),
        (socket, "getaddrinfo", _forbidden(socket.getaddrinfo, "a name is resolved", "there is no real network")),
        (
            socket,
            "create_connection",
            _forbidden(
                socket.create_connection, "a socket connects and blocks the event loop", "there is no real network"
            ),
        ),
    ]
    clocks += [(time, "ctime", _told_time(time.ctime)), (time, "asctime", _told_time(time.asctime))]
    return clocks + chance + entropy + banned + [(time, "sleep", _sleep(time.sleep))]


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
