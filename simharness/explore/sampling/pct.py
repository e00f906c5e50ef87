"""Probabilistic concurrency testing: finds a bug of depth d with a probability that is known beforehand.

Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs",
ASPLOS 2010. Every process has a random priority, the highest always goes; at d - 1 random moments the one that is
running drops below all others. With n processes and k steps an execution shows a bug of depth d with a probability
of at least 1 / (n · k^(d-1)).

Where we differ: priorities alone let a process that spins starve the one it waits for. So they rule only for as many
steps as executions are expected to have; whatever comes later is a random walk, which is fair. How many that is, is
measured by the first executions, which are random walks too.
"""

from __future__ import annotations

import random

from simharness.core.execution import Program
from simharness.core.step import Step
from simharness.explore.sampling.answers import RandomAnswers
from simharness.explore.sampling.sampler import Sampler
from simharness.explore.strategy import Strategy

_MEASURED = 3


class ConcurrencyTesting:
    """The policy.

    Args:
        rng: the source of chance.
        depth: how many ordering constraints a bug may need; one less than this is the number of changes of priority.
        length: expected number of steps; None to measure it.
    """

    def __init__(self, rng: random.Random, depth: int, length: int | None) -> None:
        self._rng = rng
        self._depth = depth
        self._length = 0 if length is None else length
        self._walks = _MEASURED if length is None else 0
        self._priority: dict[int, float] = {}
        self._changes: dict[int, int] = {}
        self._position = 0

    def begin(self) -> None:
        """Draw the moments at which priorities change."""
        self._priority = {}
        self._position = 0
        moments = range(self._length)
        drawn = self._rng.sample(moments, min(self._depth - 1, len(moments)))
        self._changes = {moment: number for number, moment in enumerate(drawn)}

    def pick(self, enabled: list[int]) -> int:
        """Return the process of the highest priority, or any after the expected end."""
        if self._walks or self._position >= self._length:
            return self._rng.choice(enabled)
        priority = self._priority
        for process in enabled:
            if process not in priority:
                # Above all that dropped: those have the numbers from -depth + 1 to -1.
                priority[process] = self._rng.random()
        return max(enabled, key=priority.__getitem__)

    def ran(self, step: Step, enabled: list[int]) -> None:
        """Let the process drop if this is a moment of change."""
        number = self._changes.get(self._position)
        if number is not None:
            self._priority[step.process] = float(-number - 1)
        self._position += 1

    def end(self, length: int) -> None:
        """Measure the length of the first executions."""
        if self._walks:
            self._walks -= 1
            self._length = max(self._length, length)


def _build(program: Program, rng: random.Random, depth: int = 3, length: int | None = None) -> Sampler:
    return Sampler(program, ConcurrencyTesting(rng, depth, length), RandomAnswers(rng))


STRATEGY = Strategy("pct", exhaustive=False, build=_build)
