"""Exploring the sum of the components instead of their product.

Where every judgement reads one component, what it can see are the interleavings of that component; how they combine
with those of the others makes no difference. So the base order is executed once, and then for each component its own
races are reversed, while the others go on as they come. Why nothing is lost: docs/decisions/007.

What the components are is only known of the executions that were seen. When one shows that two components have to do
with each other, they are one from then on, and explored anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from simharness.core.execution import Execution, Program
from simharness.core.footprint import PYHEAP, Footprint
from simharness.core.step import Step
from simharness.core.trace import HappensBefore
from simharness.explore.components import Atom, Components
from simharness.explore.dpor import Frame, OptimalExplorer, following
from simharness.explore.estimate import UNKNOWN, Coverage, Forecast
from simharness.explore.races import not_after, races
from simharness.explore.statistics import Statistics
from simharness.explore.wakeup import Asleep, Event, Node, Values

# What is read by a judgement of which nobody knows what it reads.
_ANYTHING = Footprint(writes=frozenset({PYHEAP}))

# Stands for the steps that all components follow from, where those chose among data.
_TRUNK: Atom = "trunk"


class OneComponent(OptimalExplorer):
    """A search that reverses the races of one component only.

    Args:
        program: starts an execution.
        components: what is known of them.
        active: an atom of the component.
        statistics: goes on counting.
    """

    def __init__(self, program: Program, components: Components, active: Atom, statistics: Statistics) -> None:
        super().__init__(program)
        self.statistics = statistics
        self.racing: set[Atom] = set()
        self._components = components
        self._active = active
        self._atoms: list[Atom | None] = []
        self._undecided: set[int] = set()

    def begin_after(self, steps: list[Step], atoms: list[Atom | None]) -> None:
        """Go on as if this execution had just been handed out."""
        for step in steps:
            frame = self.frames[-1]
            frame.opened = frame.explored = True
            frame.tree.children.append((Event(step.process, None, None), Node()))
            frame.current = ((step.process, step.values), Asleep(step.footprint, step.options))
            self._undecided.add(len(self.path))
            self.path.append((step.process, step.values))
            self.frames.append(Frame(frame.sleep.after(step.process, step.footprint), Node()))
        self.frames[-1].opened = True
        self.understand(atoms)
        self._plan(steps, HappensBefore(steps))
        self._retreat()

    def understand(self, atoms: list[Atom | None]) -> None:
        """Say which atoms the steps of the execution are that is being handed out."""
        self._atoms = atoms

    def _descend(self, frame: Frame) -> None:
        depth = len(self.path)
        super()._descend(frame)
        if len(self.path) > depth:
            self._undecided.add(depth)

    def _retreat(self) -> None:
        depth = len(self.path) - 1
        if depth in self._undecided:
            # A dead end: nobody learned whose step it was, so all its combinations are owed.
            self._undecided.discard(depth)
            frame = self.frames[depth]
            assert frame.current is not None
            (process, taken), asleep = frame.current
            values = following(taken, asleep.options) if frame.every else None
            frame.pending = None if values is None else (process, values)
        super()._retreat()

    def _combination_after(self, step: Step) -> Values | None:
        """Put it off until the execution is complete: whose step this is may only come out then."""
        asleep = (step.process, step.values) in self.frames[-1].sleep
        return following(step.values, step.options) if asleep else None

    def _plan(self, steps: list[Step], order: HappensBefore) -> None:
        for depth in sorted(self._undecided):
            frame = self.frames[depth]
            if frame.every and self._is_active(depth):
                values = following(steps[depth].values, steps[depth].options)
                frame.pending = None if values is None else (steps[depth].process, values)
            elif following(steps[depth].values, steps[depth].options) is not None:
                self._note(depth)
        self._undecided.clear()
        super()._plan(steps, order)

    def _is_active(self, position: int) -> bool:
        atom = self._atoms[position]
        return atom is None or self._components.find(atom) == self._components.find(self._active)

    def _note(self, position: int) -> None:
        atom = self._atoms[position]
        if atom is not None:
            self.racing.add(atom)

    def _races(self, steps: list[Step], order: HappensBefore) -> Iterator[tuple[int, int]]:
        for i, j in races(steps, order):
            if self._is_active(j):
                yield i, j
            else:
                self._note(j)

    def _body(self, steps: list[Step], order: HappensBefore, i: int, j: int) -> list[int]:
        """Leave out what the component does not need: of the others, all that nothing of it follows from."""
        past = order.past
        body = not_after(order, i)
        needed = past[j]
        for k in body:
            if self._is_active(k):
                needed |= past[k]
        return [k for k in body if needed >> k & 1]


class ComponentSearch:
    """All interleavings of every component, each with one order of the others.

    Args:
        program: starts an execution. Once it is concluded, its attribute ``readings`` says which keys each judgement
            read, by name; without one, a judgement may have read anything, and the product is explored.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self.statistics = Statistics()
        self.exhausted = False
        self.components = Components()
        self._open: list[Atom] = []
        self._finished: list[Atom] = []
        self._judgements: set[str] = set()

    def executions(self) -> Iterator[Execution]:
        """Yield the base order, then what is left of each component; nothing else is in the product that they see."""
        base = OptimalExplorer(self._program)
        base.statistics = self.statistics
        with closing(base.executions()) as executions:
            execution = next(executions)
            yield execution
            steps = list(execution.steps)
            atoms = self._observe(execution)
        self._discover(_contended(steps, atoms))
        while self._open:
            yield from self._explore(self._open[0], steps, atoms)
        self.exhausted = True

    @property
    def explored(self) -> int:
        """How many components were explored, those included that have one interleaving only."""
        atoms = {("judgement", each) for each in self._judgements}
        return self.components.count([*atoms, *self._finished, *self._open])

    def estimate(self, elapsed_s: float) -> Forecast:
        """Return that nothing is known before the end."""
        if not self.exhausted:
            return UNKNOWN
        return Forecast(self.statistics.executions, self.statistics.executions, 0.0)

    def coverage(self) -> Coverage | None:
        """Return None: nothing is sampled here."""
        return None

    def _explore(self, active: Atom, steps: list[Step], atoms: list[Atom | None]) -> Iterator[Execution]:
        components = self.components
        components.settle()
        explorer = OneComponent(self._program, components, active, self.statistics)
        explorer.begin_after(steps, atoms)
        with closing(explorer.executions()) as executions:
            for execution in executions:
                yield execution
                explorer.understand(self._observe(execution))
                if components.joined:
                    self._reopen()
                    return
        self._open.remove(active)
        self._finished.append(active)
        self._discover(explorer.racing)

    def _observe(self, execution: Execution) -> list[Atom | None]:
        atoms = self.components.observe(execution.steps)
        readings: dict[str, Footprint] | Any = getattr(execution, "readings", None)
        if readings is None:
            readings = {"anything": _ANYTHING}
            for atom in atoms:
                if atom is not None:
                    self.components.access(atom, _ANYTHING)
        self._judgements.update(readings)
        self.components.judge(readings)
        return atoms

    def _discover(self, atoms: set[Atom]) -> None:
        """Explore the components of these atoms, unless that is done or planned."""
        find = self.components.find
        known = {find(atom) for atom in (*self._open, *self._finished)}
        # In order of birth: sets of atoms have none.
        for atom in sorted({find(atom) for atom in atoms} - known, key=self.components.age):
            self._open.append(atom)

    def _reopen(self) -> None:
        """Explore anew what has become one."""
        find = self.components.find
        changed = {find(atom) for atom in self.components.joined}
        again = [atom for atom in (*self._open, *self._finished) if find(atom) in changed]
        self._finished = [atom for atom in self._finished if find(atom) not in changed]
        self._open = [atom for atom in self._open if find(atom) not in changed]
        self._discover({*again, *changed})


def _contended(steps: list[Step], atoms: list[Atom | None]) -> set[Atom]:
    """Return atoms of steps that race, or that chose among data."""
    order = HappensBefore(steps)
    positions = {j for _, j in races(steps, order)}
    positions |= {position for position, step in enumerate(steps) if following(step.values, step.options) is not None}
    return {_TRUNK if (atom := atoms[position]) is None else atom for position in positions}
