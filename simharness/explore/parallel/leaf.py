"""Executing one leaf of a shared tree, with the algorithm of the search in one process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simharness.core.execution import Execution, Program
from simharness.core.footprint import Footprint
from simharness.core.step import Step
from simharness.errors import SelfCheckFailed
from simharness.explore.dpor import Frame, OptimalExplorer
from simharness.explore.parallel.tree import Reversal, Taken
from simharness.explore.probes import Probe
from simharness.explore.wakeup import Event, Node, Sequence, Sleep, Values


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is to be executed.

    Args:
        path: the steps to the node before the leaf.
        sleeps: what is asleep at each node on the path, from the root to that one; before the search begins, nothing.
        step: the step of the leaf; None at the root, where everything is free.
        every: whether combinations of data choices after it are owed.
        planned: what the last steps of the path, and the leaf's, touched when they were measured; those are told again.
    """

    path: list[tuple[int, Values]]
    sleeps: list[Sleep]
    step: tuple[int, Values] | None
    every: bool
    planned: list[Footprint | None]


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a leaf, besides the execution.

    Args:
        taken: the steps from the first planned one on, or from the leaf's.
        reversals: what it owes.
        blocked: whether it was given up because all that could run was asleep.
    """

    taken: list[Taken]
    reversals: list[Reversal]
    blocked: bool


class LeafExplorer(OptimalExplorer):
    """Executes leaves one after the other; what probes found out is kept as long as the path stays the same.

    Args:
        program: starts an execution.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._base = self._told = 0
        self._steps: list[Step] = []
        self._taken: list[Taken] | None = None
        self._owed: list[Reversal] = []
        self._pending: Iterator[Execution] = iter(())
        self._way: list[tuple[int, Values]] = []
        self._known: list[tuple[dict[tuple[tuple[int, Values], ...], Probe | None], frozenset[int] | None]] = []

    def explore(self, leaf: Leaf) -> tuple[Execution | None, Report]:
        """Execute a leaf; return the complete execution, which lasts until the next call of ``finish``, and the report.

        The report has no reversals yet: ``finish`` plans them.
        """
        self._stand_at(leaf)
        statistics = self.statistics
        blocked, complete = statistics.blocked, None
        while self._taken is None and complete is None:
            self._pending = self._advance()
            complete = next(self._pending, None)
        if complete is not None:
            self._steps = complete.steps
            self._check_plan(leaf, complete.steps)
        return complete, Report([], [], statistics.blocked > blocked)

    def finish(self, report: Report) -> Report:
        """Close the execution, plan its reversals, and return the report with everything in it."""
        for _ in self._pending:
            raise AssertionError("one leaf, one execution")
        assert self._taken is not None
        return Report(self._taken, self._owed, report.blocked)

    def close(self) -> None:
        """Drop the execution that may be under way."""
        self._drop()

    def _stand_at(self, leaf: Leaf) -> None:
        self._drop()
        self._taken, self._owed = None, []
        self._base = len(leaf.path)
        self._told = len(leaf.path) - max(len(leaf.planned) - 1, 0)
        self._steps = []
        common = 0
        for ours, theirs in zip(self._way, leaf.path, strict=False):
            if ours != theirs:
                break
            common += 1
        # Probes at a node are the same whoever comes by, and so is what can run there.
        self._known = self._known[: common + 1]
        self.path = list(leaf.path)
        sleeps = leaf.sleeps or [Sleep()]
        self.frames = []
        for depth, sleep in enumerate(sleeps):
            probes, enabled = self._known[depth] if depth < len(self._known) else ({}, None)
            self.frames.append(Frame(sleep, Node(), opened=True, explored=True, probes=probes, enabled=enabled))
        last = self.frames[-1]
        if leaf.step is None:
            last.opened = last.explored = False
            return
        process, values = leaf.step
        last.every = leaf.every
        last.pending = leaf.step
        last.tree.children.append((Event(process, None if leaf.every else values, None), Node()))

    def _check_plan(self, leaf: Leaf, steps: list[Step]) -> None:
        """Compare the planned steps with what they did.

        Raises:
            SelfCheckFailed: one did something else than was measured.
        """
        first = len(leaf.path) + 1 - len(leaf.planned)
        for step, footprint in zip(steps[first:], leaf.planned, strict=False):
            if footprint is not None and step.footprint != footprint:
                raise SelfCheckFailed(
                    f"probe audit: {step} touches other keys than when it was planned: state is shared that simharness "
                    "does not see"
                )

    def _insert(self, position: int, reversal: Sequence, options: tuple[Values, ...]) -> None:
        self._owed.append(Reversal(position, reversal, options))

    def _retreat(self) -> None:
        """Keep what was done; there is nothing to go back to."""
        if self._taken is None:
            self._taken = []
            if self.frames[self._base].current is not None:
                steps = self._steps or self._at_depth().steps
                self._taken = [
                    Taken(step.process, step.values, step.options, step.footprint) for step in steps[self._told :]
                ]
            self._way, self._known = list(self.path), [(each.probes, each.enabled) for each in self.frames]
