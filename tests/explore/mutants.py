"""Broken variants of our own engine, each a context manager: the differential tests must notice every one of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from differential import complaints
from random_programs import Body, Memory, build, generate

from simharness.core import name
from simharness.core.footprint import CLOCK, Footprint, Recorder
from simharness.core.step import Kind, Step
from simharness.core.trace import HappensBefore
from simharness.explore import dpor, experience
from simharness.explore.dpor import OptimalExplorer
from simharness.explore.experience import Experience
from simharness.explore.probes import Probe
from simharness.explore.races import not_after, races
from simharness.instrument.shared import SharedDict, shared
from simharness.loop import execution as loop_execution
from simharness.loop import futures, loop, primitives
from simharness.loop.execution import LoopExecution, Semantics
from simharness.loop.handles import SimTimerHandle
from simharness.program.execution import ProgramExecution, ProgramFunction
from simharness.program.world import current_world

Patch = pytest.MonkeyPatch
SEEDS = 60


@dataclass(frozen=True)
class Mutant:
    """A defect.

    Args:
        name: what is broken.
        install: breaks it.
        program: a small program that shows it, or None: then random programs must.
    """

    name: str
    install: Callable[[Patch], None]
    program: tuple[Body, ...] | ProgramFunction | None = None


def _recorded_footprint(patch: Patch) -> None:
    def measure(self: Any, steps: list[Step], i: int, j: int, body: list[int], values: Any) -> Probe:
        past = HappensBefore(steps).past[j]
        before = frozenset(place for place, k in enumerate(body) if past >> k & 1)
        return Probe(steps[j].footprint, before, steps[j].values, steps[j].options)

    patch.setattr(OptimalExplorer, "_measure", measure)


def _any_past(patch: Patch) -> None:
    def recall(self: Any, steps: list[Step], order: HappensBefore, i: int, j: int, body: list[int]) -> Probe | None:
        prints = experience.step_fingerprints(steps, order)
        known = self._known.get(experience._event(steps, order, prints, j))
        if not known or steps[j].options:
            return None
        footprint = next(iter(known.values()))
        return Probe(footprint, frozenset(k for k in body if order.past[j] >> k & 1), (), ())

    patch.setattr(Experience, "recall", recall)


def _truncated_body(patch: Patch) -> None:
    reversed_step = 0

    def remembered(steps: Any, order: HappensBefore) -> Iterator[tuple[int, int]]:
        nonlocal reversed_step
        for i, j in races(steps, order):
            reversed_step = j
            yield i, j

    patch.setattr(dpor, "races", remembered)
    patch.setattr(dpor, "not_after", lambda order, i: [k for k in not_after(order, i) if k < reversed_step])


def _steps_as_cascades(patch: Patch) -> None:
    original = ProgramExecution.__init__

    def __init__(self: Any, *arguments: Any, **options: Any) -> None:  # noqa: N807 — installed as a special method
        if type(self) is ProgramExecution:
            options["semantics"] = Semantics.QUIESCENT
        original(self, *arguments, **options)

    patch.setattr(ProgramExecution, "__init__", __init__)


def _closures_without_key(patch: Patch) -> None:
    for module in (futures, loop, primitives, loop_execution):
        patch.setattr(module, "closure_keys", lambda callback: [])


def _forget(zone: Any, timer: int) -> None:
    zone._bound.pop(timer, None)
    for row in zone._bound.values():
        row.pop(timer, None)


def _cancelled_timers_unblock(patch: Patch) -> None:
    original = SimTimerHandle.cancel

    def cancel(self: Any) -> None:
        sim_loop = self._loop
        original(self)
        for item in sim_loop.queues.pending(self.key):
            if item.kind is Kind.TIMER and item.timer is not None:
                _forget(sim_loop.zone, item.timer)
                item.timer, item.ready = None, None

    patch.setattr(SimTimerHandle, "cancel", cancel)


def _cancelled_timers_vanish(patch: Patch) -> None:
    original = SimTimerHandle.cancel

    def cancel(self: Any) -> None:
        sim_loop = self._loop
        original(self)
        for item in sim_loop.queues.pending(self.key):
            if item.kind is Kind.TIMER and item.timer is not None:
                _forget(sim_loop.zone, item.timer)
                sim_loop.queues.take(self.key)

    patch.setattr(SimTimerHandle, "cancel", cancel)


def _fire_does_not_read_clock(patch: Patch) -> None:
    # Alone it changes nothing: firing also writes the order of the timers, which covers it.
    dropping("TIMERS")(patch)
    original = LoopExecution._fire

    def fire(self: Any, item: Any) -> None:
        before = CLOCK in loop_execution.recorder.reads
        original(self, item)
        if not before:
            loop_execution.recorder.reads.discard(CLOCK)

    patch.setattr(LoopExecution, "_fire", fire)


def dropping(*kinds: str) -> Callable[[Patch], None]:
    """Return what removes every key of these kinds from every footprint."""

    def install(patch: Patch) -> None:
        original = Recorder.end

        def end(self: Recorder) -> Footprint:
            return Footprint(
                *[frozenset(key for key in keys if name.kind(key) not in kinds) for keys in original(self)]
            )

        patch.setattr(Recorder, "end", end)

    return install


def _unpacking_is_no_read(patch: Patch) -> None:
    # With dict's own iterator, the interpreter copies the items behind our back.
    patch.delattr(SharedDict, "__iter__")


async def _hides() -> Callable[[], Any]:
    """Let the first task stop writing y once the second has run, while the third writes y.

    With the second task first, the first touches nothing of the third. Reversing that, it writes y again: cut off, v is
    this step alone, which was explored; the whole of v has the third task's write in front of it, which was not.
    """
    memory = Memory()
    dict.update(memory, x=0, y=0)

    async def unless_set() -> None:
        await current_world().call(lambda: None)
        if memory["x"] == 0:
            memory["y"] = 1

    async def store(key: str, value: int) -> None:
        await current_world().call(lambda: None)
        memory[key] = value

    for task in (unless_set(), store("x", 1), store("y", 2)):
        asyncio.create_task(task)
    return lambda: dict(memory)


async def _unpacks() -> Callable[[], Any]:
    cells = shared({"x": 0})
    seen: list[int] = []

    async def write() -> None:
        await current_world().call(lambda: None)
        cells["x"] = 1

    async def look() -> None:
        await current_world().call(lambda: None)
        seen.append({**cells}["x"])

    await asyncio.gather(write(), look())
    return lambda: tuple(seen)


_CALL: Body = (("call", "x", 2),)
_LOCKED: tuple[Body, ...] = ((*_CALL, ("lock", "p", 1, (("call", "y", 2),))), (*_CALL, ("locked", "x", 1)))
_SET: tuple[Body, ...] = ((*_CALL, ("event set", "x", 1), ("event clear", "x", 1)), (*_CALL, ("event wait", "x", 1)))
_PUT: tuple[Body, ...] = ((*_CALL, ("get", "x", 1)), (*_CALL, ("get", "x", 1)), (("put", "x", 1),))
_NOTIFY: tuple[Body, ...] = ((*_CALL, ("condition wait", "p", 1, (("yield", "x", 1),))), (*_CALL, ("notify", "x", 1)))
_ACQUIRE: tuple[Body, ...] = (
    (*_CALL, ("semaphore", "p", 1, (("call", "x", 1),))),
    (*_CALL, ("semaphore", "p", 1, (("call", "x", 1),))),
)
_TIMERS: tuple[Body, ...] = ((("timeout", "p", 1, (("call", "x", 2),)),), (("sleep", "x", 1), ("clock", "x", 3)))

MUTANTS: tuple[Mutant, ...] = (
    Mutant("the recorded footprint for the reversed step", _recorded_footprint),
    Mutant("what a step did after another past", _any_past),
    Mutant("v cut off at the reversed step", _truncated_body, _hides),
    Mutant("steps as whole cascades", _steps_as_cascades),
    Mutant("closure counters without a key", _closures_without_key),
    Mutant("cancelled timers unblock later ones", _cancelled_timers_unblock, _TIMERS),
    Mutant("cancelled timers vanish", _cancelled_timers_vanish),
    Mutant("a fire that reads neither CLOCK nor the order of timers", _fire_does_not_read_clock, _TIMERS),
    Mutant("a dropped Future key", dropping("future")),
    Mutant("a dropped Task key", dropping("task")),
    Mutant("a dropped Lock key", dropping("Lock"), _LOCKED),
    Mutant("a dropped Event key", dropping("Event"), _SET),
    Mutant("a dropped Queue key", dropping("Queue"), _PUT),
    Mutant("a dropped Condition key", dropping("Condition", "Lock"), _NOTIFY),
    Mutant("a dropped Semaphore key", dropping("Semaphore"), _ACQUIRE),
    Mutant("{**d} is not a read", _unpacking_is_no_read, _unpacks),
)


@contextmanager
def installed(mutant: Mutant) -> Iterator[None]:
    """Break the engine."""
    with pytest.MonkeyPatch.context() as patch:
        mutant.install(patch)
        yield


def caught_by(mutant: Mutant, *, seeds: int = SEEDS) -> tuple[str, str] | None:
    """Return the program that shows the defect and what the comparison says; None if nothing does."""
    with installed(mutant):
        if mutant.program is not None:
            program = build(mutant.program) if isinstance(mutant.program, tuple) else mutant.program
            found = _judge(program, 300)
            return ("its own program", found) if found else None
        for seed in range(seeds):
            found = _judge(build(generate(random.Random(seed), budget=2)), 60)
            if found:
                return f"random program {seed}", found
    return None


def _judge(program: ProgramFunction, cap: int) -> str:
    try:
        return "; ".join(complaints(program, cap=cap) or [])
    except (AssertionError, KeyError, IndexError, ValueError) as crash:
        return f"{type(crash).__name__}: {crash}"
