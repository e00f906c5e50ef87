"""Every interleaving exactly once: the reduced search, with an estimate of how much is left."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from simharness.core.execution import Execution, Program
from simharness.explore.dpor import Frame
from simharness.explore.estimate import Coverage, Forecast, TreeEstimate
from simharness.explore.frozen import ResumableExplorer, freeze_explorer, thaw_explorer
from simharness.explore.statistics import Statistics
from simharness.explore.strategy import Strategy


class DporSearch:
    """A :class:`ResumableExplorer` as a search.

    Args:
        explorer: at the beginning, or thawed from a checkpoint.
        tree: what is known about the size of its tree.
    """

    def __init__(self, explorer: ResumableExplorer, tree: TreeEstimate | None = None) -> None:
        self.explorer = explorer
        self.tree = TreeEstimate() if tree is None else tree
        self.exhausted = False

    @property
    def statistics(self) -> Statistics:
        """The counts so far."""
        return self.explorer.statistics

    def executions(self) -> Iterator[Execution]:
        """Yield one execution of every interleaving; who left the iterator and asks again gets those that are left."""
        for execution in self.explorer.executions():
            self.tree.observe(self.explorer.path)
            yield execution
        self.exhausted = True

    def estimate(self, elapsed_s: float) -> Forecast:
        """Return how many executions there will be in all."""
        owed = [_owed(frame) for frame in self.explorer.frames[: len(self.explorer.path)]]
        return self.tree.forecast(owed, elapsed_s, exhausted=self.exhausted)

    def coverage(self) -> Coverage | None:
        """Return None: nothing is sampled here."""
        return None

    def freeze(self) -> dict[str, Any]:
        """Return its state as JSON."""
        return {"explorer": freeze_explorer(self.explorer), "estimate": self.tree.freeze()}

    @classmethod
    def thaw(cls, form: dict[str, Any], program: Program) -> DporSearch:
        """Return what :meth:`freeze` wrote."""
        explorer = thaw_explorer(form["explorer"], program)
        return cls(explorer, TreeEstimate.thaw(form["estimate"], explorer.path))


def _owed(frame: Frame) -> int:
    """Return how many branches of a node are known and not begun; the first child is the one under way."""
    return max(len(frame.tree.children) - 1, 0) + (frame.pending is not None)


def _build(program: Program, rng: random.Random) -> DporSearch:
    return DporSearch(ResumableExplorer(program))


STRATEGY = Strategy("dpor", exhaustive=True, build=_build)
