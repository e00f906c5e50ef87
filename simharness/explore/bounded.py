"""Searches with a bound on how far an execution is from the ordinary, deepened one level at a time.

Two measures. *Reversals*: level 0 is what the base order does; level k + 1 is what one reversed race makes of an
interleaving of level k, with the base order after it. *Delays*: level k is every schedule that passes over processes k
times in all, where taking the n-th process in base order passes over n - 1 (Emmi, Qadeer, Rakamarić, "Delay-Bounded
Scheduling", POPL 2011). Data choices cost nothing: whatever a schedule is asked is answered in every way, and faults
have their own budget.

A level is complete or it is not, and that is all that these searches claim: they never count as exhausted. Reversals
are followed from interleavings, not from schedules, so there are few of them; without sleep sets, for a bounded search
that also skips what was explored elsewhere would lose what is elsewhere only beyond the bound (Coons, Musuvathi,
McKinley, "Bounded Partial-Order Reduction", OOPSLA 2013).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from simharness.core import trace
from simharness.core.execution import Execution, Program
from simharness.core.step import Step
from simharness.core.trace import HappensBefore
from simharness.errors import ReplayDiverged, ScenarioError
from simharness.explore.estimate import UNKNOWN, Coverage, Forecast
from simharness.explore.races import holders, may_wait, not_after, races
from simharness.explore.replay import path_of
from simharness.explore.statistics import Statistics
from simharness.explore.wakeup import Values

Move = tuple[int, Values]
Moves = tuple[Move, ...]


class BoundedSearch:
    """Level after level, up to a bound.

    Args:
        program: starts an execution; must record footprints.
        bound: the last level.
    """

    measure = ""
    exhausted = False

    def __init__(self, program: Program, bound: int) -> None:
        self._program = program
        self._bound = bound
        self.statistics = Statistics()
        # The last level that was executed to its end.
        self.complete: int | None = None

    def executions(self) -> Iterator[Execution]:
        """Yield the executions of one level after the other."""
        raise NotImplementedError

    def bounds(self) -> list[str]:
        """Return what the bound is, and which levels were executed to their ends."""
        if self.complete == self._bound:
            return [f"{self.measure} ≤ {self._bound}"]
        done = "for none yet" if self.complete is None else f"for ≤ {self.complete}"
        return [f"{self.measure} ≤ {self._bound}, complete {done}"]

    def estimate(self, elapsed_s: float) -> Forecast:
        """Return that nothing is known: how large a level is shows when it is over."""
        return UNKNOWN

    def coverage(self) -> Coverage | None:
        """Return None: nothing is sampled here."""
        return None

    def _count(self, execution: Execution, order: HappensBefore) -> bool:
        """Count a complete execution; return whether its interleaving is new."""
        statistics = self.statistics
        fingerprint = trace.fingerprint(execution.steps, order)
        statistics.executions += 1
        statistics.steps += len(execution.steps)
        new = fingerprint not in statistics.fingerprints
        statistics.duplicates += not new
        statistics.fingerprints.add(fingerprint)
        return new


class ReversalSearch(BoundedSearch):
    """Every interleaving that so many reversed races lead to from the base order."""

    measure = "reversals"

    def executions(self) -> Iterator[Execution]:
        """Yield one execution for every reversal and for every other answer to a data choice."""
        level: list[Moves] = [()]
        tried: set[bytes] = set()
        for number in range(self._bound + 1):
            following: list[Moves] = []
            pending = deque(level)
            while pending:
                head = pending.popleft()
                # Executions that share a beginning ask for the same changes to it.
                execution = self._run(head) if _is_new(head, tried) else None
                if execution is None:
                    continue
                try:
                    order = HappensBefore(execution.steps)
                    new = self._count(execution, order)
                    yield execution
                    steps = execution.steps
                finally:
                    execution.close()
                for known in _led_to(steps, head):
                    _is_new(known, tried)
                if new:
                    pending.extend(_other_answers(steps))
                    following.extend(_reversals(steps, order))
            self.complete = number
            level = following

    def _run(self, head: Moves) -> Execution | None:
        """Return the execution that begins like this and goes on in base order; None if it cannot begin so."""
        execution = self._program()
        try:
            for process, values in head:
                if process not in execution.enabled():
                    execution.close()
                    return None
                try:
                    execution.step(process, values)
                except ReplayDiverged:
                    # The reversed step is asked something else than it was; all answers to that follow.
                    execution.close()
                    return self._run((*head[:-1], (process, ()))) if values and (process, values) == head[-1] else None
            while enabled := execution.enabled():
                execution.step(enabled[0])
        except BaseException:
            execution.close()
            raise
        return execution


def _is_new(head: Moves, tried: set[bytes]) -> bool:
    """Take note of a beginning; return whether it is new. A digest stands for it, to keep memory small."""
    digest = blake2b(repr(head).encode(), digest_size=16).digest()
    if digest in tried:
        return False
    tried.add(digest)
    return True


def _led_to(steps: Sequence[Step], head: Moves) -> Iterator[Moves]:
    """Yield the longer beginnings, each up to an answer, that lead to the same execution as ``head`` has led to."""
    moves = path_of(steps)
    start, given = (len(head) - 1, len(head[-1][1])) if head else (0, 0)
    for position in range(start, len(steps)):
        process, values = moves[position]
        for count in range(given if position == start else 1, len(values) + 1):
            yield (*moves[:position], (process, values[:count]))


def _reversals(steps: Sequence[Step], order: HappensBefore) -> Iterator[Moves]:
    """Yield the beginnings in which one race of the execution is reversed."""
    moves = path_of(steps)
    for i, j in races(steps, order):
        # A step that was held back races with whoever took what it waited for, besides whoever let it go.
        for k in (i, *(holders(steps, order, i, j) if may_wait(steps[j]) else ())):
            yield (*moves[:k], *[moves[m] for m in not_after(order, k) if m != j], moves[j])


def _other_answers(steps: Sequence[Step]) -> Iterator[Moves]:
    """Yield the beginnings in which one data choice is answered otherwise."""
    moves = path_of(steps)
    for position, step in enumerate(steps):
        for place, count in enumerate(step.options):
            for value in range(count):
                if value != step.values[place]:
                    yield (*moves[:position], (step.process, (*step.values[:place], value)))


class DelaySearch(BoundedSearch):
    """Every schedule that passes over so many processes in all."""

    measure = "delays"

    def executions(self) -> Iterator[Execution]:
        """Yield one execution for every schedule; different schedules may be one interleaving."""
        levels: list[list[Moves]] = [[()], *([] for _ in range(self._bound))]
        for number, pending in enumerate(levels):
            while pending:
                execution = self._run(pending.pop(), number, levels)
                try:
                    self._count(execution, HappensBefore(execution.steps))
                    yield execution
                finally:
                    execution.close()
            self.complete = number

    def _run(self, head: Moves, spent: int, levels: list[list[Moves]]) -> Execution:
        """Run a schedule, in base order after ``head``, and owe its level everything that departs from it later."""
        execution = self._program()
        try:
            taken: list[Move] = []
            for process, values in head:
                step = execution.step(process, values)
                taken.append((process, step.values))
                self._owe_answers(taken, step, len(values), levels[spent])
            # All moves but the last were looked at when they were new.
            while enabled := execution.enabled():
                for delays in range(1, min(len(enabled), len(levels) - spent)):
                    levels[spent + delays].append((*taken, (enabled[delays], ())))
                step = execution.step(enabled[0])
                taken.append((enabled[0], step.values))
                self._owe_answers(taken, step, 0, levels[spent])
        except BaseException:
            execution.close()
            raise
        return execution

    @staticmethod
    def _owe_answers(taken: list[Move], step: Step, given: int, level: list[Moves]) -> None:
        """Owe the other answers to what the last step was asked beyond the ``given`` answers."""
        for place in range(given, len(step.options)):
            others = [value for value in range(step.options[place]) if value != step.values[place]]
            level += [(*taken[:-1], (step.process, (*step.values[:place], value))) for value in others]


def bounded(program: Program, strategy: str, *, reversals: int | None, delays: int | None) -> BoundedSearch | None:
    """Return the search that is bounded like this; None without a bound.

    Raises:
        ScenarioError: the bounds do not go together, or not with the strategy.
    """
    given = {"reversals": reversals, "delays": delays}
    measures = {measure: bound for measure, bound in given.items() if bound is not None}
    if not measures:
        return None
    if len(measures) > 1:
        raise ScenarioError("`reversals` and `delays` are two ways to bound a search; leave one of them out")
    ((measure, bound),) = measures.items()
    if bound < 0:
        raise ScenarioError(f"`{measure}` is a number of at least 0, not {bound}")
    if strategy != "dpor":
        raise ScenarioError(f"`{measure}` bounds the exhaustive search; leave it out, or the strategy {strategy!r}")
    return ReversalSearch(program, bound) if measure == "reversals" else DelaySearch(program, bound)
