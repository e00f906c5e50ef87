"""A shared tree explored in one process, with leaves out and reports in whatever order chance says."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from simharness.core.execution import Program
from simharness.explore.frozen import ResumableExplorer
from simharness.explore.parallel.handover import freeze_tree, shared_tree, thaw_tree
from simharness.explore.parallel.leaf import LeafExplorer
from simharness.explore.parallel.search import leaf_of
from simharness.explore.parallel.tree import Place, Tree
from simharness.explore.parallel.wire import Reader, Writer


@dataclass
class Shared:
    """What came of it.

    Args:
        fingerprints: of all executions, in order.
        blocked: executions that were given up.
    """

    fingerprints: list[int] = field(default_factory=list)
    blocked: int = 0

    def exact(self) -> bool:
        """Return whether nothing was executed twice."""
        return len(self.fingerprints) == len(set(self.fingerprints))


def explore_shared(program: Program, width: int, seed: int, *, alone: int = 0, restarts: float = 0.0) -> Shared:
    """Explore with up to ``width`` leaves out at a time.

    Args:
        program: starts an execution.
        width: how many workers there would be.
        seed: of the order in which their reports arrive.
        alone: executions of a search in one process that goes before.
        restarts: how often, of all times, everything is written down, forgotten and read again.
    """
    rng = random.Random(seed)
    shared = Shared()
    tree = _begun(program, alone, shared)
    workers = [(LeafExplorer(program), Writer(), Reader()) for _ in range(width)]
    out: list[Place] = []
    while not tree.exhausted:
        if rng.random() < restarts:
            for place in out:
                tree.take_back(place)
            out.clear()
            tree = thaw_tree(json.loads(json.dumps(freeze_tree(tree))))
        out.extend(_handed_out(tree, width - len(out)))
        assert out, "something is left, and nothing of it can be handed out"
        _execute(tree, out.pop(rng.randrange(len(out))), *rng.choice(workers), shared)
    return shared


def _begun(program: Program, alone: int, shared: Shared) -> Tree:
    if not alone:
        return Tree()
    explorer = ResumableExplorer(program)
    executions = explorer.executions()
    for _ in executions:
        if explorer.statistics.executions >= alone:
            break
    executions.close()
    shared.fingerprints.extend(explorer.statistics.fingerprints)
    tree = shared_tree(explorer)
    shared.blocked += explorer.statistics.blocked
    return tree


def _handed_out(tree: Tree, count: int) -> Iterator[Place]:
    for _ in range(count):
        place = tree.hand_out()
        if place is None:
            return
        yield place


def _execute(tree: Tree, place: Place, explorer: LeafExplorer, writer: Writer, reader: Reader, shared: Shared) -> None:
    statistics = explorer.statistics
    statistics.fingerprints.clear()
    # Through the wire, as if it were another process: one table serves both directions here.
    execution, report = explorer.explore(reader.leaf(writer.leaf(leaf_of(tree, place))))
    assert (execution is None) == (not statistics.fingerprints)
    shared.fingerprints.extend(statistics.fingerprints)
    report = reader.report(writer.report(explorer.finish(report)))
    shared.blocked += report.blocked
    tree.absorb(place, report.taken, report.reversals)
