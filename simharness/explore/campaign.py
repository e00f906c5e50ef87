"""Drives a search: judges every execution, keeps the evidence, stops at the limits, says what may be claimed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from simharness.core import trace
from simharness.core.canonical import canonical
from simharness.core.execution import Execution, Program
from simharness.core.schedule import Place, Schedule
from simharness.core.step import Step
from simharness.core.trace import HappensBefore
from simharness.core.verdict import Finding, Verdict
from simharness.errors import SelfCheckFailed
from simharness.explore.audit import audit
from simharness.explore.bounded import BoundedSearch
from simharness.explore.candidate import Candidate, freeze_path, thaw_path
from simharness.explore.checkpoint import Checkpoint, interrupt_between_executions
from simharness.explore.latency import possible, realised
from simharness.explore.places import placed
from simharness.explore.replay import Path, path_of, straightened, walk
from simharness.explore.shrink import Memory, Shrinker, Shrunk
from simharness.explore.strategy import LastingSearch, Search, Summary

# Of a finding that no stock loop can produce, this many further interleavings are looked at for one that can.
_CANDIDATES = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop.

    Args:
        executions: at most so many; None for no limit.
        time_ns: wall time, None for no limit.
        after_violation: at most so many after the first that refutes something: what is refuted stays so, and the rest
            of the search can only say it again. None for no limit.
    """

    executions: int | None = None
    time_ns: int | None = None
    after_violation: int | None = None


def as_key(outcome: Any) -> Hashable:
    """Return the outcome itself if it can be a key, else its text."""
    try:
        hash(outcome)
    except TypeError:
        return canonical(outcome)
    return outcome  # type: ignore[no-any-return]  # it has a hash


@dataclass(frozen=True, slots=True)
class Proof:
    """A counterexample that was shrunk and replayed.

    Args:
        finding: what is violated.
        schedule: the choices.
        digest: of the trace.
        reachable: whether stock asyncio can produce it.
        minimal: whether no schedule with fewer deviations violates the same.
        number: which of the explored executions it came from.
        deliveries: labels of the deliveries in the order in which a stock loop must see them.
        places: of the deviations of the schedule, for when the code has changed.
    """

    finding: Finding
    schedule: Schedule
    digest: str
    reachable: bool | None
    minimal: bool
    number: int
    deliveries: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()


@dataclass(slots=True)
class Campaign:
    """One search with its results.

    Args:
        program: starts an execution.
        search: hands out complete executions.
        limits: when to stop.
        progress: called after every execution.
        checkpoint: where the search is kept, so that it can go on after an interruption; None for nowhere.
        summarise: turns an outcome into the key under which it is counted.
        stock: whether the semantics is ``stock``, so that reachability is a question at all.
        notes: returns what was noticed beside the executions; kept with a checkpoint.
        learn: takes over what an interrupted run had noticed.
        timed: whether messages have a latency, so that not every interleaving is possible; see ``explore.latency``.
    """

    program: Program
    search: Search
    limits: Limits = Limits()
    progress: Callable[[Campaign], None] | None = None
    checkpoint: Checkpoint | None = None
    summarise: Callable[[Any], Hashable] = as_key
    stock: bool = True
    timed: bool = False
    notes: Callable[[], Any] = lambda: None
    learn: Callable[[Any], None] = lambda notes: None
    outcomes: dict[Hashable, int] = field(default_factory=dict)
    candidates: dict[str, list[Candidate]] = field(default_factory=dict)
    _realisations: dict[int, tuple[bool | None, tuple[str, ...]]] = field(default_factory=dict, init=False, repr=False)
    bounds: list[str] = field(default_factory=list)
    exhausted: bool = False
    interrupted: bool = False
    passing: Path | None = None
    possible_traces: int = 0
    _traces: int = 0
    _resumed_s: float = 0.0
    started_s: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Search until the tree is exhausted or a limit is met; Ctrl-C ends it with what is known."""
        with interrupts() as pressed:
            for execution in self.search.executions():
                self._judge(execution)
                if self.progress is not None:
                    self.progress(self)
                bound = "interrupted" if pressed() else self._limit()
                if bound is not None:
                    self.interrupted = pressed()
                    self.bounds.append(bound)
                    self._keep(final=True)
                    break
                self._keep(final=False)
        self.exhausted = self.search.exhausted
        if isinstance(self.search, BoundedSearch):
            self.bounds += self.search.bounds()
        if self.exhausted and self.checkpoint is not None:
            self.checkpoint.discard()

    def _limit(self) -> str | None:
        """Return the limit that has been reached. Whether anything was left is not known then."""
        limits = self.limits
        if limits.executions is not None and self._executions >= limits.executions:
            return f"executions ≤ {limits.executions}"
        if limits.time_ns is not None and (self.elapsed_s - self._resumed_s) * 1e9 >= limits.time_ns:
            return f"time ≤ {limits.time_ns // 1_000_000_000} s"
        if limits.after_violation is not None:
            refuted = self._refuted_at()
            if refuted is not None and self._executions >= refuted + limits.after_violation:
                return f"executions after the first violation ≤ {limits.after_violation}"
        return None

    def _refuted_at(self) -> int | None:
        """Return the number of the first execution that violates something, as stock asyncio can; None so far."""
        known = (each for candidates in self.candidates.values() for each in candidates if not each.finding.warning)
        return min((each.number for each in known if each.reachable or not self.stock), default=None)

    def _keep(self, *, final: bool) -> None:
        """Write the checkpoint: now and then once the search has gone on for a while, and at the end."""
        if self.checkpoint is None or not isinstance(self.search, LastingSearch):
            return
        if final:
            self.checkpoint.write(self.search, self.freeze())
        elif self.elapsed_s > self.checkpoint.every_s:
            self.checkpoint.write_if_due(self.search, self.freeze)

    def freeze(self) -> Any:
        """Return everything found so far as JSON; the keys of the outcomes must be texts."""
        return {
            "outcomes": dict(self.outcomes),
            "traces": self._traces,
            "possible_traces": self.possible_traces,
            "elapsed_s": self.elapsed_s,
            "notes": self.notes(),
            "candidates": {
                invariant: [candidate.freeze() for candidate in known] for invariant, known in self.candidates.items()
            },
            "passing": None if self.passing is None else freeze_path(self.passing),
        }

    def thaw(self, form: Any) -> None:
        """Take over what :meth:`freeze` returned."""
        self.learn(form["notes"])
        self.outcomes = dict(form["outcomes"])
        self._traces = form["traces"]
        self.possible_traces = form["possible_traces"]
        # A limit of time is for this run, or a search that has met it could never go on.
        self._resumed_s = form["elapsed_s"]
        self.started_s = time.monotonic() - self._resumed_s
        self.candidates = {
            invariant: [Candidate.thaw(each) for each in known] for invariant, known in form["candidates"].items()
        }
        self.passing = None if form["passing"] is None else thaw_path(form["passing"])

    def audit(self, pairs: int, seed: int) -> dict[str, Any]:
        """Run random pairs of independent steps both ways round, in executions of every kind that was found.

        Raises:
            SelfCheckFailed: a swap made a difference: no verdict of this search may be trusted.
        """
        paths = [self.passing] if self.passing is not None else []
        paths += [known[-1].path for _, known in sorted(self.candidates.items())]
        distinct: list[Path] = []
        for path in paths:
            if path not in distinct:
                distinct.append(path)
        rng = random.Random(seed)
        share = -(-pairs // max(1, len(distinct)))
        swapped = sum(audit(self.program, path, pairs=share, rng=rng).swapped for path in distinct)
        return {"commutation audit": f"{swapped} pairs in {len(distinct)} executions, no difference"}

    def latency_check(self, latency: str) -> dict[str, str]:
        """Return for the certificate how many of the interleavings this latency leaves; nothing without one."""
        if not self.timed:
            return {}
        text = f"{self.possible_traces} of {self._traces} interleavings are possible with messages of {latency}"
        return {"latency": text}

    @property
    def _executions(self) -> int:
        return self.search.statistics.executions

    @property
    def elapsed_s(self) -> float:
        """Wall time since the start, in seconds."""
        return time.monotonic() - self.started_s

    def _judge(self, execution: Execution) -> None:
        new = self.search.statistics.traces > self._traces
        self._traces = self.search.statistics.traces
        if self.timed and not possible(execution.steps):
            return
        self.possible_traces += new
        outcome, findings = execution.conclude()
        key = outcome.key if isinstance(outcome, Summary) else self.summarise(outcome)
        if new:
            self.outcomes[key] = self.outcomes.get(key, 0) + 1
        if not findings:
            if self.passing is None:
                self.passing = path_of(execution.steps)
            return
        realisation = None
        for finding in _first_of_each(findings):
            known = self.candidates.setdefault(finding.kind, [])
            if any(candidate.reachable for candidate in known) or len(known) >= _CANDIDATES:
                continue
            if realisation is None and self.stock:
                realisation = realised(execution.steps, timed=self.timed)
            reachable = realisation.reachable if realisation is not None else None
            deliveries = realisation.deliveries if realisation is not None else ()
            known.append(Candidate(finding, path_of(execution.steps), reachable, self._executions, deliveries))

    # -- afterwards ---------------------------------------------------------------------------------------

    def verdict(self) -> Verdict:
        """Return what may be claimed."""
        refuting = [each for each in self._best() if not each.finding.warning]
        if any(each.reachable is not False for each in refuting) if self.stock else refuting:
            return Verdict.VIOLATED
        if not self.possible_traces:
            return Verdict.INCONCLUSIVE
        if self.exhausted:
            # What only the superset can do is a warning, not a refutation; and it was all looked at.
            return Verdict.PROVEN
        return Verdict.PASSED

    @property
    def doubtful(self) -> bool:
        """Whether something is violated in explored orders that no stock loop takes, and in no other."""
        return self.stock and any(all(each.reachable is False for each in known) for known in self.candidates.values())

    def _best(self) -> list[Candidate]:
        """Return the best witness of every invariant: reachable before unknown before unreachable."""
        rank = {True: 0, None: 1, False: 2}
        return [
            min(known, key=lambda candidate: (rank[candidate.reachable], candidate.number))
            for _, known in sorted(self.candidates.items())
        ]

    def proofs(self, shrink_budget: int = 300) -> list[Proof]:
        """Shrink and replay the best witness of every invariant that is violated."""
        everything = Memory(self.program, self._violated)
        real = Memory(self.program, self._really_violated)
        return [self._prove(candidate, real, everything, shrink_budget) for candidate in self._best()]

    def _shrunk(
        self, candidate: Candidate, schedule: Schedule, real: Memory, everything: Memory, budget: int
    ) -> Shrunk:
        kind = candidate.finding.kind
        if self.stock and candidate.reachable is not False:
            # Where the search for a realisation gave up, a shorter order may have one that is found.
            shrunk = Shrinker(real, kind, budget).shrink(schedule)
            if candidate.reachable or kind in real.violated(Schedule(shrunk.schedule.deviations)):
                return shrunk
        return Shrinker(everything, kind, budget).shrink(schedule)

    def _prove(self, candidate: Candidate, real: Memory, everything: Memory, budget: int) -> Proof:
        execution, schedule = walk(self.program, candidate.path)
        steps = list(execution.steps)
        execution.close()
        path = straightened(self.program, steps)
        execution, straight = walk(self.program, path)
        execution.close()
        if len(straight.deviations) < len(schedule.deviations):
            schedule = straight
        shrunk = self._shrunk(candidate, schedule, real, everything, budget)
        execution, places = placed(self.program, shrunk.schedule)
        try:
            finding = self._same(execution, candidate.finding.kind)
            if finding is None:
                raise SelfCheckFailed(
                    f"the counterexample of {candidate.finding.invariant} did not happen again when it was replayed"
                )
            reachable, deliveries = self._realised(execution.steps) if self.stock else (None, ())
            return Proof(
                finding,
                Schedule(shrunk.schedule.deviations, len(execution.steps)),
                trace.digest(execution.steps),
                reachable,
                shrunk.minimal,
                candidate.number,
                deliveries,
                places,
            )
        finally:
            execution.close()

    def _violated(self, execution: Execution) -> frozenset[str]:
        if self.timed and not possible(execution.steps):
            return frozenset()
        return frozenset(finding.kind for finding in execution.conclude()[1])

    def _really_violated(self, execution: Execution) -> frozenset[str]:
        """Return what is violated if a stock loop can do it: a smaller counterexample must not be less real."""
        violated = self._violated(execution)
        return violated if violated and self._realised(execution.steps)[0] else frozenset()

    def _realised(self, steps: Sequence[Step]) -> tuple[bool | None, tuple[str, ...]]:
        """Return whether a stock loop can do it, and the labels of its deliveries.

        Schedules that differ are often the same interleaving, also when the search for a realisation gives up on it.
        """
        order = HappensBefore(steps)
        interleaving = trace.fingerprint(steps, order)
        if interleaving not in self._realisations:
            found = realised(steps, order, timed=self.timed)
            labels = tuple(steps[position].label for position, _ in found.deliveries)
            self._realisations[interleaving] = found.reachable, labels
        return self._realisations[interleaving]

    @staticmethod
    def _same(execution: Execution, kind: str) -> Finding | None:
        _, findings = execution.conclude()
        return next((finding for finding in findings if finding.kind == kind), None)


def _first_of_each(findings: tuple[Finding, ...]) -> list[Finding]:
    first: dict[str, Finding] = {}
    for finding in findings:
        first.setdefault(finding.kind, finding)
    return list(first.values())


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C wait for the end of an execution; signals can only be caught in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    with interrupt_between_executions() as pressed:
        yield pressed
