"""How much is left: of an exhaustive search, the executions; of sampling, the interleavings that nobody saw.

An exhaustive search is a walk through a tree of which only a part is known. Knuth ("Estimating the efficiency of
backtrack programs", 1975) infers the size of a tree from the numbers of branches along random paths; Kilby, Slaney,
Thiébaux and Walsh ("Estimating search tree size", AAAI 2006) do it from the path on which a backtracking search
stands; GenMC (Kokologiannakis, Majumdar, Vafeiadis, TACAS 2024) shows users the result with a deviation and an ETA.
Where we differ: a reduction finds branches while it goes, so the branches known at a node are only a lower bound. What
is still to be found is inferred from the sizes of the finished nodes of the same depth.

For sampling: Good ("The population frequencies of species and the estimation of population parameters", 1953) and
Chao ("Nonparametric estimation of the number of classes in a population", 1984).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple


class Forecast(NamedTuple):
    """How long a search will be in all.

    Args:
        low: at least so many executions, counted from the start; None if nothing can be said.
        high: probably at most so many.
        eta_s: seconds of wall time from now to the end; None if nothing can be said.
    """

    low: int | None = None
    high: int | None = None
    eta_s: float | None = None


UNKNOWN = Forecast()


# What a forecast was off by: at half of the search the truth was within these factors of the estimate on all of the
# random programs that we measured, and earlier mostly.
LOW_DIVISOR = 3
HIGH_FACTOR = 2


@dataclass(slots=True)
class _Level:
    """What is known about the nodes of one depth.

    Args:
        finished: branches of the current node that are explored.
        before: executions that were counted when the branch that is being explored began.
        entered: executions that were counted when the current node was reached.
        nodes: finished nodes of this depth.
        inside: executions below all of those.
    """

    finished: int = 0
    before: int = 0
    entered: int = 0
    nodes: int = 0
    inside: int = 0


@dataclass(slots=True)
class TreeEstimate:
    """Estimates the number of executions of a depth-first search from where it stands.

    Args:
        levels: one for each depth of the current path.
        path: of the last execution.
        executions: how many were observed.
        later: executions in all finished branches that had a sibling before them.
        foretold: how many those would have been, had they been as large as the mean of the siblings before.
    """

    levels: list[_Level] = field(default_factory=list)
    path: list[Hashable] = field(default_factory=list)
    executions: int = 0
    later: int = 0
    foretold: Fraction = Fraction(0)

    def observe(self, path: Sequence[Hashable]) -> None:
        """Take note of the path of an execution that is complete now; paths come in depth-first order."""
        first_new = 0
        if self.executions:
            parting = _common(self.path, path)
            for depth in range(len(self.path) - 1, parting - 1, -1):
                self._finish_branch(self.levels[depth], last=depth > parting)
            first_new = parting + 1
        for depth in range(first_new, len(path)):
            if depth == len(self.levels):
                self.levels.append(_Level())
            level = self.levels[depth]
            level.finished = 0
            level.before = level.entered = self.executions
        self.path = list(path)
        self.executions += 1

    def _finish_branch(self, level: _Level, *, last: bool) -> None:
        if level.finished:
            self.later += self.executions - level.before
            self.foretold += Fraction(level.before - level.entered, level.finished)
        level.finished += 1
        level.before = self.executions
        if last:
            level.nodes += 1
            level.inside += self.executions - level.entered

    def forecast(self, owed: Sequence[int], elapsed_s: float, *, exhausted: bool) -> Forecast:
        """Return the estimate.

        Args:
            owed: for each node of the current path from the root, how many branches are known and not begun.
            elapsed_s: wall time that the observed executions took, in seconds.
            exhausted: whether the search is over.
        """
        done = self.executions
        if exhausted:
            return Forecast(done, done, 0.0)
        if not done:
            return UNKNOWN
        known = self._size(owed, grown=False)
        grown = self._size(owed, grown=True)
        # Every owed branch holds at least one execution: that much is certain.
        certain = done + sum(owed)
        low = max(certain, math.floor(known / LOW_DIVISOR))
        high = max(certain, math.ceil(grown), math.ceil(known * HIGH_FACTOR))
        left = max(known, certain) - done
        return Forecast(low, high, elapsed_s / done * left)

    def _size(self, owed: Sequence[int], *, grown: bool) -> float:
        """Return the expected number of executions below the root.

        From the leaf upwards: a branch that is not begun is as large as the mean of those of its node that are, but
        for a factor. What sleeps makes later branches smaller than earlier ones; by how much is measured as we go.

        Args:
            owed: as in ``forecast``.
            grown: whether a node will be at least as large as the mean of the finished ones of its depth.
        """
        # The 2 stand for two branches as large as expected: a beginning on which the first measurement has little say.
        factor = float((self.later + 2) / (self.foretold + 2))
        below = 1.0
        for depth in range(min(len(owed), len(self.path)) - 1, -1, -1):
            level = self.levels[depth]
            begun = level.finished + 1
            inside = level.before - level.entered + below
            below = inside + owed[depth] * inside / begun * factor
            if grown and level.nodes:
                below = max(below, level.inside / level.nodes)
        return below

    # -- checkpoints --------------------------------------------------------------------------------------

    def freeze(self) -> list[list[int]]:
        """Return a JSON form of everything but the path."""
        head = [self.executions, self.later, self.foretold.numerator, self.foretold.denominator]
        rows = [[each.finished, each.before, each.entered, each.nodes, each.inside] for each in self.levels]
        return [head, *rows]

    @classmethod
    def thaw(cls, form: list[list[int]], path: Sequence[Hashable]) -> TreeEstimate:
        """Return what ``freeze`` wrote, standing at ``path``, the path of the last execution."""
        executions, later, numerator, denominator = form[0]
        levels = [_Level(*row) for row in form[1:]]
        return cls(levels, list(path), executions, later, Fraction(numerator, denominator))


def _common(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Return the length of the common beginning."""
    length = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        length += 1
    return length


# -- sampling ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a sample of executions says about the interleavings that are not in it.

    Args:
        executions: size of the sample.
        classes: different interleavings in it.
        once: how many of those were seen exactly once.
        unseen_share: estimated probability, from 0 to 1, that the next execution shows a new interleaving (Good,
            Turing). It speaks about this strategy: rare interleavings count little.
        classes_low: estimated lower bound of the number of interleavings (Chao1, bias-corrected).
    """

    executions: int
    classes: int
    once: int
    unseen_share: float
    classes_low: int


class SeenClasses:
    """Counts how often each class was seen, and how many classes were seen how often."""

    __slots__ = ("_executions", "_often", "_times")

    def __init__(self) -> None:
        self._times: dict[int, int] = {}
        self._often: Counter[int] = Counter()
        self._executions = 0

    def add(self, fingerprint: int) -> None:
        """Count one execution of a class."""
        times = self._times.get(fingerprint, 0)
        self._times[fingerprint] = times + 1
        self._executions += 1
        self._often[times + 1] += 1
        if times:
            self._often[times] -= 1

    def coverage(self) -> Coverage | None:
        """Return what can be said; None before the first execution."""
        if not self._executions:
            return None
        classes, once, twice = len(self._times), self._often[1], self._often[2]
        unseen = once * (once - 1) // (2 * (twice + 1))
        return Coverage(self._executions, classes, once, once / self._executions, classes + unseen)
