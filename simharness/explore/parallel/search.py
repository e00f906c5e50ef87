"""The search in several processes: hands out leaves, takes in what came of them."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

from simharness.core.execution import Program
from simharness.core.step import Step
from simharness.core.verdict import Finding
from simharness.errors import ScenarioError, SimharnessError
from simharness.explore.estimate import Coverage, Forecast
from simharness.explore.exhaustive.dpor import DporSearch
from simharness.explore.frozen import freeze_statistics, thaw_statistics
from simharness.explore.parallel.handover import freeze_tree, shared_tree, thaw_tree
from simharness.explore.parallel.leaf import Leaf
from simharness.explore.parallel.processes import dismiss, how_it_ended, start
from simharness.explore.parallel.tree import Place, Taken, Tree
from simharness.explore.parallel.wire import Reader, Writer
from simharness.explore.parallel.worker import Done, Failed, Opener, serve
from simharness.explore.replay import Path, walk
from simharness.explore.statistics import Statistics
from simharness.explore.strategy import Summary

# Before that, one process is faster: others have to import what they execute.
PATIENCE_S = 3.0


class DistantExecution:
    """A complete execution of another process: what came of it is here, its steps are executed again if anybody asks.

    Args:
        program: starts an execution.
        path: the choices.
        outcome: as the other process summarised it.
        findings: what is wrong with it.
    """

    def __init__(self, program: Program, path: Path, outcome: Hashable, findings: tuple[Finding, ...]) -> None:
        self.path = path
        self._program = program
        self._concluded = Summary(outcome), findings
        self._steps: list[Step] | None = None

    @property
    def steps(self) -> list[Step]:
        """The steps, as this process executes them."""
        if self._steps is None:
            execution, _ = walk(self._program, self.path)
            self._steps = list(execution.steps)
            execution.close()
        return self._steps

    def conclude(self) -> tuple[Summary, tuple[Finding, ...]]:
        """Return the outcome and the findings."""
        return self._concluded


@dataclass(slots=True, eq=False)
class _Worker:
    process: BaseProcess
    connection: Connection
    writer: Writer
    reader: Reader
    place: Place | None = None


class ParallelSearch:
    """Every interleaving exactly once, executed by several processes once it turns out to take a while.

    Args:
        program: starts an execution in this process.
        opener: sets up the same program in another process.
        jobs: how many of those.
        begin: a search in this process, or the tree that several share, with the counts so far.
        learn: takes what else another process noticed; see ``Workplace.notes``.
        patience_s: seconds of wall time that this process explores alone; None for ``PATIENCE_S``.
    """

    def __init__(
        self,
        program: Program,
        opener: Opener,
        jobs: int,
        begin: DporSearch | tuple[Tree, Statistics],
        *,
        learn: Callable[[Any], None] = lambda notes: None,
        patience_s: float | None = None,
    ) -> None:
        self._alone = begin if isinstance(begin, DporSearch) else None
        self.tree, self.statistics = (Tree(), begin.statistics) if isinstance(begin, DporSearch) else begin
        self.exhausted = False
        self._learn = learn
        self._program = program
        self._opener = opener
        self._jobs = jobs
        self._patience_s = PATIENCE_S if patience_s is None else patience_s

    def executions(self) -> Iterator[Any]:
        """Yield every execution when it is complete; the others go on meanwhile.

        Raises:
            SimharnessError: a process died, or found that nothing can be claimed.
        """
        if self._alone is not None:
            until_s = time.monotonic() + self._patience_s
            for execution in self._alone.executions():
                yield execution
                if time.monotonic() >= until_s:
                    break
            else:
                self.exhausted = True
                return
            self.tree = shared_tree(self._alone.explorer)
            self._alone = None
        yield from self._together()
        self.exhausted = True

    def _together(self) -> Iterator[DistantExecution]:
        if self.tree.exhausted:
            return
        workers = self._start()
        try:
            while not self.tree.exhausted:
                self._employ(workers)
                busy = [worker for worker in workers if worker.place is not None]
                ready = wait([worker.connection for worker in busy])
                for worker in busy:
                    if worker.connection in ready:
                        yield from self._take_in(worker)
        finally:
            for worker in workers:
                if worker.place is not None:
                    self.tree.take_back(worker.place)
            _dismiss(workers)

    @property
    def shared(self) -> bool:
        """Whether several processes take part, so that the order of the executions is a matter of time."""
        return self._alone is None

    def freeze(self) -> dict[str, Any]:
        """Return its state as JSON; what others are executing is owed again."""
        if self._alone is not None:
            return self._alone.freeze()
        return {"tree": freeze_tree(self.tree), "statistics": freeze_statistics(self.statistics)}

    def estimate(self, elapsed_s: float) -> Forecast:
        """Return how many executions there will be."""
        if self._alone is not None:
            return self._alone.estimate(elapsed_s)
        done = self.statistics.executions
        if self.exhausted:
            return Forecast(done, done, 0.0)
        return self.tree.sizes.forecast(self.tree.root, done, elapsed_s)

    def coverage(self) -> Coverage | None:
        """Return None: nothing is sampled here."""
        return None

    def _start(self) -> list[_Worker]:
        workers: list[_Worker] = []
        try:
            for _ in range(self._jobs):
                workers.append(_Worker(*start(serve, self._opener), Writer(), Reader()))  # noqa: PERF401 — all that were started are dismissed when one is not
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            _dismiss(workers)
            raise ScenarioError(f"several processes need a program that each of them can import: {error}") from None
        except BaseException:
            _dismiss(workers)
            raise
        return workers

    def _employ(self, workers: list[_Worker]) -> None:
        for worker in workers:
            if worker.place is not None:
                continue
            place = self.tree.hand_out()
            if place is None:
                return
            worker.place = place
            try:
                worker.connection.send(worker.writer.leaf(leaf_of(self.tree, place)))
            except OSError:
                _failed(worker)

    def _take_in(self, worker: _Worker) -> Iterator[DistantExecution]:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            _failed(worker)
        if isinstance(message, Failed):
            raise ScenarioError(message.message) if message.usage else SimharnessError(message.message)
        assert isinstance(message, Done)
        place = worker.place
        assert place is not None
        report = worker.reader.report(message.report)
        way = place.way()
        before = [(each.process, each.values) for each in way[: len(way) - place.plan_length()]]
        worker.place = None
        self.tree.absorb(place, report.taken, report.reversals)
        if message.notes is not None:
            self._learn(message.notes)
        statistics = self.statistics
        statistics.steps += message.steps
        statistics.probes += message.probes
        statistics.blocked += report.blocked
        if message.fingerprint is not None:
            statistics.executions += 1
            statistics.duplicates += message.fingerprint in statistics.fingerprints
            statistics.fingerprints.add(message.fingerprint)
            self._employ([worker])  # before anybody looks at this one, so that nobody waits for that
            yield DistantExecution(self._program, _path(before, report.taken), message.outcome, message.findings)


def thaw_shared(form: dict[str, Any]) -> tuple[Tree, Statistics]:
    """Return what :meth:`ParallelSearch.freeze` wrote of a tree that several processes shared."""
    return thaw_tree(form["tree"]), thaw_statistics(form["statistics"])


def leaf_of(tree: Tree, place: Place) -> Leaf:
    """Return what somebody needs to know to execute the leaf at ``place``."""
    if place.parent is None:
        return Leaf([], [], None, every=False, planned=[])
    way = place.way()
    planned = [each.footprint for each in way[len(way) - place.plan_length() :]]
    path = [(each.process, each.values) for each in way[:-1]]
    return Leaf(path, tree.sleeps(place), (place.process, place.values), place.every, planned)


def _path(before: list[tuple[int, tuple[int, ...]]], taken: list[Taken]) -> Path:
    return [*before, *[(step.process, step.values) for step in taken]]


def _failed(worker: _Worker) -> NoReturn:
    raise SimharnessError(f"a process of the search {how_it_ended(worker.process)}; nothing is claimed")


def _dismiss(workers: list[_Worker]) -> None:
    dismiss((worker.process, worker.connection) for worker in workers)
