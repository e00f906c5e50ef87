"""How sampling answers questions of data: fill sizes, ``world.choose``, and whether a fault strikes."""

from __future__ import annotations

import random
from typing import Protocol

from simharness.core.choice import ChoicePoint

# A fault strikes at one place in 2, 4, … 64; how often is drawn anew for each execution. With one rate for all, the
# budget would nearly always be gone after the first few places, or hardly ever be used.
_RARITIES = 6


class Answers(Protocol):
    """Answers the questions of one execution after another."""

    def begin(self) -> None:
        """Start a new execution."""

    def answer(self, point: ChoicePoint) -> int:
        """Return the index of the answer."""


class RandomAnswers:
    """Answers evenly, but lets faults strike rarely.

    Args:
        rng: the source of chance.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._strike = 0.5

    def begin(self) -> None:
        """Draw how rare faults are in this execution."""
        self._strike = 0.5 ** self._rng.randint(1, _RARITIES)

    def answer(self, point: ChoicePoint) -> int:
        """Return any answer; at a fault mostly the first."""
        if not point.fault:
            return self._rng.randrange(len(point.options))
        if self._rng.random() >= self._strike:
            return 0
        return self._strikes(point)

    def _strikes(self, point: ChoicePoint) -> int:
        """Return which fault strikes."""
        return self._rng.randrange(1, len(point.options))


class SwarmAnswers(RandomAnswers):
    """Lets only some kinds of fault strike in each execution.

    After Groce, Zhang, Eide, Chen and Regehr ("Swarm testing", ISSTA 2012): leaving features out at random finds what
    a mixture of all hides, because kinds compete for the budget and mask each other.
    """

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self._enabled: dict[str, bool] = {}

    def begin(self) -> None:
        """Forget which kinds may strike; each is drawn when it is first met."""
        super().begin()
        self._enabled = {}

    def _strikes(self, point: ChoicePoint) -> int:
        allowed = [index for index, kind in enumerate(point.options) if index and self._may(kind)]
        return self._rng.choice(allowed) if allowed else 0

    def _may(self, kind: str) -> bool:
        if kind not in self._enabled:
            self._enabled[kind] = self._rng.random() < 0.5
        return self._enabled[kind]
