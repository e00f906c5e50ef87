"""The search alone, on steps that only touch keys: hundreds of programs whose footprints depend on what they read.

No event loop is in the way, so this is the fastest guard of the algorithm. Truncating v, for instance, loses
interleavings in one of sixty of these programs.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from simharness.core import name, trace
from simharness.core.footprint import Footprint
from simharness.core.step import Kind, Step
from simharness.core.trace import HappensBefore
from simharness.explore.brute import every_execution
from simharness.explore.dpor import OptimalExplorer

PROGRAMS = int(os.environ.get("SIMHARNESS_FUZZ_ABSTRACT", "600"))
CHUNKS = 6
LIMIT = 2_000

Operation = tuple[str, int, int]
Abstract = tuple[tuple[Operation, ...], ...]

_KEYS = [name.static(f"abstract key {number}") for number in range(4)]
_PROCESSES = [name.static(f"abstract process {number}") for number in range(5)]
_KINDS = (
    ("read", "write"),
    ("read", "write", "add"),
    ("read", "write", "write if zero", "write unless zero", "read unless zero", "copy"),
    ("write", "copy", "write if zero", "once more", "wake"),
)


class AbstractExecution:
    """Processes that take turns: each step reads, writes or adds to keys, some of them depending on values."""

    def __init__(self, program: Abstract) -> None:
        self.steps: list[Step] = []
        self._todo = [list(operations) for operations in program]
        self._taken = [0] * len(program)
        self._values = [0] * len(_KEYS)
        # The last process sleeps if another one wakes it up.
        self._asleep = (
            {len(program) - 1} if any(kind == "wake" for todo in self._todo[:-1] for kind, *_ in todo) else set()
        )
        self._cause: int | None = None

    def enabled(self) -> list[int]:
        return [
            _PROCESSES[number]
            for number, todo in enumerate(self._todo)
            if self._taken[number] < len(todo) and number not in self._asleep
        ]

    def step(self, process: int, values: tuple[int, ...] = ()) -> Step:
        number = _PROCESSES.index(process)
        index = self._taken[number]
        operation = self._todo[number][index]
        self._taken[number] += 1
        touched = self._run(number, *operation)
        last = number == len(self._todo) - 1
        cause = self._cause if last and index == 0 else None
        step = Step(process, index, Kind.EXECUTE, None, str(operation), touched, cause)
        self.steps.append(step)
        return step

    def _run(self, number: int, kind: str, first: int, second: int) -> Footprint:
        reads, writes, adds = set(), set(), set()
        if kind == "add":
            adds.add(first)
        elif kind != "write":
            reads.add(first)
        found = self._values[first]
        if kind == "write":
            writes.add(first)
        elif kind == "copy" or (kind == "write if zero" and not found) or (kind == "write unless zero" and found):
            writes.add(second)
        elif kind == "read unless zero" and found:
            reads.add(second)
        elif kind == "once more" and found:
            self._todo[number].append(("write", second, 0))
        elif kind == "wake" and self._asleep and number not in self._asleep:
            writes.add(len(_KEYS) - 1)  # two that wake it up are in an order
            self._asleep = set()
            self._cause = len(self.steps)
        elif kind == "wake":
            writes.add(len(_KEYS) - 1)
        for key in writes:
            self._values[key] = 10 * number + self._taken[number]
        return Footprint(*(frozenset(_KEYS[key] for key in keys) for keys in (reads - writes, writes, adds)))

    def choices(self) -> list[Any]:
        return []

    def draw_with(self, source: Any) -> None:
        """Ask nothing."""

    def conclude(self) -> tuple[Any, tuple[()]]:
        return tuple(self._values), ()

    def close(self) -> None:
        """Hold nothing."""


def generate(chance: random.Random) -> Abstract:
    kinds = chance.choice(_KINDS)
    keys = chance.choice((2, 3))
    return tuple(
        tuple(
            (chance.choice(kinds), chance.randrange(keys), chance.randrange(keys))
            for _ in range(chance.choice((1, 1, 2)))
        )
        for _ in range(chance.choice((3, 3, 4)))
    )


def brute(program: Abstract) -> tuple[set[int], set[Any]] | None:
    """Return all interleavings and outcomes; None if there are too many schedules."""
    traces, outcomes = set(), set()
    for count, execution in enumerate(every_execution(lambda: AbstractExecution(program))):
        if count >= LIMIT:
            return None
        traces.add(trace.fingerprint(execution.steps, HappensBefore(execution.steps)))
        outcomes.add(execution.conclude()[0])
    return traces, outcomes


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_each_interleaving_is_executed_exactly_once(chunk: int) -> None:
    compared = 0
    for seed in range(chunk, PROGRAMS, CHUNKS):
        program = generate(random.Random(seed))
        expected = brute(program)
        if expected is None:
            continue
        compared += 1
        explorer = OptimalExplorer(lambda program=program: AbstractExecution(program))  # type: ignore[misc]
        outcomes = {execution.conclude()[0] for execution in explorer.executions()}
        statistics = explorer.statistics
        assert (statistics.fingerprints, outcomes) == expected, (seed, program)
        assert (statistics.blocked, statistics.duplicates) == (0, 0), (seed, program)
    assert compared > PROGRAMS // CHUNKS // 2
