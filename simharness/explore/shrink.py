"""Makes a counterexample as ordinary as possible: fewest deviations from the base order, then fewest faults.

First every deviation is dropped that is not needed (greedy, repeated until none is left). That can end in a local
minimum; so afterwards all schedules with fewer deviations are tried, in the order of their number, until they are
exhausted or the budget ends. The result says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simharness.core.execution import Execution, Program
from simharness.core.schedule import Deviation, Schedule
from simharness.errors import ReplayDiverged
from simharness.explore.replay import follow

Judge = Callable[[Execution], frozenset[str]]


class Memory:
    """What is known about schedules, for shrinking several findings of one program.

    Args:
        program: starts an execution.
        judge: returns the ids of everything that a complete execution violates.
    """

    def __init__(self, program: Program, judge: Judge) -> None:
        self.program = program
        self._judge = judge
        self._violated: dict[tuple[Deviation, ...], frozenset[str]] = {}
        self._following: dict[tuple[Deviation, ...], list[Deviation]] = {}
        self.executions = 0

    def violated(self, schedule: Schedule) -> frozenset[str]:
        """Return what a schedule violates; nothing if the program does not offer its choices."""
        known = self._violated.get(schedule.deviations)
        if known is None:
            known = self._violated[schedule.deviations] = self._run(schedule)
        return known

    def _run(self, schedule: Schedule) -> frozenset[str]:
        self.executions += 1
        try:
            execution = follow(self.program, schedule)
        except ReplayDiverged:
            return frozenset()
        try:
            return self._judge(execution)
        finally:
            execution.close()

    def following(self, prefix: Schedule) -> list[Deviation]:
        """Return every single deviation that can follow the last one of ``prefix``."""
        known = self._following.get(prefix.deviations)
        if known is None:
            known = self._following[prefix.deviations] = self._look(prefix)
        return known

    def _look(self, prefix: Schedule) -> list[Deviation]:
        self.executions += 1
        first = prefix.deviations[-1].step + 1 if prefix.deviations else 0
        decisions = prefix.by_step()
        found: list[Deviation] = []
        execution = self.program()
        try:
            while enabled := execution.enabled():
                position = len(execution.steps)
                decision = decisions.get(position, Deviation(position, 0))
                if position >= first:
                    found.extend(Deviation(position, index) for index in range(1, len(enabled)))
                step = execution.step(enabled[decision.index], decision.values)
                if position >= first:
                    found.extend(_other_values(position, step.options))
        finally:
            execution.close()
        return found


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A smaller schedule.

    Args:
        schedule: it violates as the first one did.
        minimal: no schedule with fewer deviations violates: all of them were tried.
        executions: how many were run.
    """

    schedule: Schedule
    minimal: bool
    executions: int


class Shrinker:
    """Shrinks the schedules that violate one invariant.

    Args:
        memory: runs schedules, and remembers them.
        invariant: what must stay violated.
        budget: how many schedules may be looked at.
    """

    def __init__(self, memory: Memory, invariant: str, budget: int = 400) -> None:
        self._memory = memory
        self._invariant = invariant
        self._budget = budget
        self._spent = 0

    def shrink(self, schedule: Schedule) -> Shrunk:
        """Return the smallest schedule found, or ``schedule`` if it does not violate and none was found that does."""
        current = self._drop(schedule)
        holds = self._invariant in self._memory.violated(Schedule(current.deviations))
        minimal = True
        for count in range(len(current.deviations) + (not holds)):
            found, complete = self._with_deviations(count)
            if found is not None:
                current = found
                break
            if not complete:
                minimal = False
                break
        return Shrunk(current, minimal, self._spent)

    def _drop(self, schedule: Schedule) -> Schedule:
        """Leave out deviations one at a time, the last first, until all that are left are needed."""
        progress = True
        while progress and self._spent < self._budget:
            progress = False
            for position in reversed(range(len(schedule.deviations))):
                candidate = schedule.without(position)
                if self._spent < self._budget and self._try(candidate):
                    schedule = Schedule(candidate.deviations)
                    progress = True
        return schedule

    def _with_deviations(self, count: int) -> tuple[Schedule | None, bool]:
        """Try every schedule with exactly ``count`` deviations; return a violating one and whether all were tried."""
        for schedule in self._schedules(count, Schedule()):
            if self._spent >= self._budget:
                return None, False
            if schedule is not None and self._try(schedule):
                return schedule, True
        return None, True

    def _schedules(self, count: int, prefix: Schedule) -> Iterator[Schedule | None]:
        """Yield the extensions of ``prefix`` by ``count`` later deviations; None stands for a look at the options."""
        if count == 0:
            yield prefix
            return
        if self._spent >= self._budget:
            yield None
            return
        self._spent += 1
        for deviation in self._memory.following(prefix):
            yield from self._schedules(count - 1, Schedule((*prefix.deviations, deviation)))

    def _try(self, schedule: Schedule) -> bool:
        self._spent += 1
        return self._invariant in self._memory.violated(schedule)


def _other_values(position: int, options: tuple[int, ...]) -> Iterator[Deviation]:
    for place, count in enumerate(options):
        for value in range(1, count):
            yield Deviation(position, 0, (*([0] * place), value))
