"""A random walk: at every step any enabled process, each as likely as the others."""

from __future__ import annotations

import random

from simharness.core.execution import Program
from simharness.core.step import Step
from simharness.explore.sampling.answers import RandomAnswers
from simharness.explore.sampling.sampler import Sampler
from simharness.explore.strategy import Strategy


class RandomWalk:
    """Picks evenly among the enabled processes.

    Args:
        rng: the source of chance.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def begin(self) -> None:
        """Do nothing: a walk has no plan."""

    def pick(self, enabled: list[int]) -> int:
        """Return any of them."""
        return self._rng.choice(enabled)

    def ran(self, step: Step, enabled: list[int]) -> None:
        """Do nothing: a walk has no memory."""

    def end(self, length: int) -> None:
        """Do nothing, as above."""


def _build(program: Program, rng: random.Random) -> Sampler:
    return Sampler(program, RandomWalk(rng), RandomAnswers(rng))


STRATEGY = Strategy("random", exhaustive=False, build=_build)
