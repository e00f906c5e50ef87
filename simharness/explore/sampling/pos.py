"""Partial order sampling: random priorities that are spread evenly over interleavings, not over schedules.

Yuan, Yang, Gu, "Partial Order Aware Concurrency Sampling", CAV 2018. Every pending event has a random priority and the
highest goes first; an event that races with the one that was just executed gets a new priority, so that the order of
two racing events does not prejudge the order of the next two.

Where we differ: the paper knows the next access of every thread. Here what a step touches is known when it has run. So
a pending step is taken to touch what the same step (same process, same position in it) touched when it last ran, in
this execution or another; a step that never ran is taken to race with nothing.
"""

from __future__ import annotations

import random

from simharness.core.execution import Program
from simharness.core.footprint import Footprint, conflicting
from simharness.core.step import Step
from simharness.explore.sampling.answers import RandomAnswers
from simharness.explore.sampling.sampler import Sampler
from simharness.explore.strategy import Strategy


class PartialOrderSampling:
    """The policy.

    Args:
        rng: the source of chance.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._known: dict[tuple[int, int], Footprint] = {}
        self._priority: dict[int, float] = {}
        self._taken: dict[int, int] = {}

    def begin(self) -> None:
        """Forget all priorities, but not what steps touch."""
        self._priority = {}
        self._taken = {}

    def pick(self, enabled: list[int]) -> int:
        """Return the process whose next step has the highest priority."""
        priority = self._priority
        for process in enabled:
            if process not in priority:
                priority[process] = self._rng.random()
        return max(enabled, key=priority.__getitem__)

    def ran(self, step: Step, enabled: list[int]) -> None:
        """Draw new priorities for the next step of the process and for what raced with this one."""
        process = step.process
        position = self._taken.get(process, 0)
        self._known[process, position] = step.footprint
        self._taken[process] = position + 1
        self._priority.pop(process, None)
        for other in enabled:
            if other != process and self._races(other, step.footprint):
                self._priority.pop(other, None)

    def _races(self, process: int, footprint: Footprint) -> bool:
        expected = self._known.get((process, self._taken.get(process, 0)))
        return expected is not None and conflicting(expected, footprint)

    def end(self, length: int) -> None:
        """Do nothing: what was learned is known already."""


def _build(program: Program, rng: random.Random) -> Sampler:
    return Sampler(program, PartialOrderSampling(rng), RandomAnswers(rng))


STRATEGY = Strategy("pos", exhaustive=False, build=_build)
