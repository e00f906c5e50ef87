"""Executions in which nothing overlaps: the yardstick of X1 and Q8.

A *unit* is what one event sets off: a command of a client, a frame of a user stream, something that the venue does of
its own accord, a timer. It runs to its end (its callbacks, its statements, its requests and their answers, and
timers that it started while anything else of it is under way) before the next unit begins. So a unit waits only
where the program waits for another event. Any unit whose cause has happened may be next; which one, and every order
inside a unit, is searched exhaustively.

The search is the ordinary one. The beginning of a unit writes one key that every other step reads, so beginnings
depend on everything; a beginning that has to wait is held back as by a lock, and its race is with the beginning
that took the turn.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

from simharness.core import name
from simharness.core.footprint import recorder
from simharness.core.step import Kind, Step
from simharness.core.trace import HappensBefore
from simharness.explore.dpor import OptimalExplorer
from simharness.explore.races import holders, races
from simharness.faults.fault import Effect
from simharness.faults.plan import FaultPlan
from simharness.invariants.outcome import outcome_of
from simharness.invariants.serial import SerialOutcomes
from simharness.loop.agenda import Item
from simharness.world.crash import OF_THE_PROGRAM
from simharness.world.setting import Command, Setting
from simharness.world.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TURN = name.static("turn of a unit")

# With more commands than this, only those orders are known in which at most one of them is refused.
_ALL_SUBSETS = 3


class SerialWorld(World):
    """One serial execution."""

    # Timers that were pending when the running unit began are units of their own.
    _older: frozenset[int] = frozenset()
    _begins = False

    def enabled(self) -> list[int]:
        """Return what goes on inside the running unit, or every beginning if it is over."""
        enabled = super().enabled()
        inside = [process for process in enabled if self._asked_for(process)]
        if not inside:
            return enabled
        young = [process for process in enabled if self._kind(process) is Kind.TIMER and process not in self._older]
        for process in set(enabled).difference(inside, young):
            head = self.loop.queues.head(process)
            assert head is not None
            head.waited = True
        return inside + young

    def step(self, process: int, values: tuple[int, ...] = ()) -> Step:
        """Take the next step; a unit that begins takes the turn."""
        goes_on = any(self._asked_for(each) for each in super().enabled())
        young = self._kind(process) is Kind.TIMER and process not in self._older
        self._begins = not self._asked_for(process) and not (goes_on and young)
        if self._begins:
            self._older = frozenset(self.loop.queues.processes())
        return super().step(process, values)

    def after_action(self, item: Item) -> None:
        """Record whose turn it is."""
        (recorder.write if self._begins else recorder.read)(_TURN)
        super().after_action(item)

    def _kind(self, process: int) -> Kind | None:
        head = self.loop.queues.head(process)
        return None if head is None else head.kind

    def _asked_for(self, process: int) -> bool:
        """Return whether what the process does next belongs to the unit that caused it."""
        head = self.loop.queues.head(process)
        if head is None or head.kind is Kind.TIMER:
            return False
        if head.kind is Kind.DELIVER:
            return not head.own_cascade
        return head.kind is Kind.HANDLE or name.kind(process) in OF_THE_PROGRAM


class UnitExplorer(OptimalExplorer):
    """The exhaustive search, told once what every race about a turn means.

    The last steps of a unit all race with the beginning of the next one, and none of these races can be reversed alone:
    a unit is moved as a whole. So for each beginning only the earlier beginnings are asked, the nearest first.
    """

    def _plan(self, steps: list[Step], order: HappensBefore) -> None:
        beginnings = [position for position, step in enumerate(steps) if _TURN in step.footprint.writes]
        for i, j in races(steps, order):
            if j in beginnings or self._owe(steps, order, i, j) or not steps[j].waited:
                continue
            any(self._owe(steps, order, k, j) for k in holders(steps, order, i, j))
        for number, j in enumerate(beginnings):
            earlier = [k for k in reversed(beginnings[:number]) if steps[k].process != steps[j].process]
            any(self._owe(steps, order, k, j) for k in earlier)


def serial_outcomes(setting: Setting, start: Callable[[Setting], World], limit: int) -> SerialOutcomes:
    """Return what a case can come to if nothing overlaps.

    A client that is refused may have been refused because of an overlap, and then nothing of its command happened. So
    the orders of every part of the commands are looked at too, with the rest refused. Crashes are left out: what they
    interrupt is Q9's.

    Args:
        setting: the case.
        start: starts a serial execution of a setting.
        limit: give up after so many executions.
    """
    found = SerialOutcomes()
    quiet = replace(setting, rules=(), faults=_without_crashes(setting.faults))
    for part, missing in _parts(quiet):
        for execution in UnitExplorer(partial(start, part)).executions():
            if found.executions >= limit:
                found.complete = False
                return found
            assert isinstance(execution, World)
            execution.conclude()
            outcome = outcome_of(execution.view)
            titles = [execution.clients.title_of(command) for command in missing]
            refused = tuple(sorted([*outcome.refused, *titles]))
            found.add(replace(outcome, refused=refused), len(execution.view.faults))
            found.executions += 1
    return found


def _without_crashes(faults: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in faults if not FaultPlan.of(each).allows(Effect.CRASH))


def _parts(setting: Setting) -> Iterator[tuple[Setting, list[Command]]]:
    """Yield the setting, and the setting without some of its clients' commands, with those that are missing."""
    commands = setting.commands
    of_clients = [position for position, command in enumerate(commands) if command.kind != "venue"]
    most = len(of_clients) if len(of_clients) <= _ALL_SUBSETS else 1
    for count in range(most + 1):
        for dropped in combinations(of_clients, count):
            yield _without(setting, set(dropped)), [commands[position] for position in dropped]


def _without(setting: Setting, dropped: set[int]) -> Setting:
    """Return the setting without some commands; what came after one of them comes after what that came after."""
    commands = setting.commands

    def before(position: int) -> set[int]:
        found: set[int] = set()
        for earlier in commands[position].after:
            found |= before(earlier) if earlier in dropped else {earlier}
        return found

    kept = [position for position in range(len(commands)) if position not in dropped]
    moved = {old: new for new, old in enumerate(kept)}
    left = [replace(commands[old], after=tuple(sorted(moved[each] for each in before(old)))) for old in kept]
    return replace(setting, commands=tuple(left))
