"""Leaves and reports on their way between processes, in which one name has different numbers.

Each direction of a connection has a table of names. A message brings the rows that are new in it and speaks of names by
row; so a name is spelled out once, however often it comes up.
"""

from __future__ import annotations

from typing import Any

from simharness.core import name
from simharness.core.footprint import Footprint
from simharness.explore.parallel.leaf import Leaf, Report
from simharness.explore.parallel.tree import Reversal, Taken
from simharness.explore.wakeup import Asleep, Event, Sequence, Sleep

Row = Any
Message = Any


class Writer:
    """Puts what is sent in one direction into tuples that say the same in every process."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}
        self._fresh: list[Row] = []
        self._footprints: dict[int, tuple[Any, ...]] = {}
        self._asleep: dict[int, tuple[Any, ...]] = {}

    def leaf(self, leaf: Leaf) -> Message:
        """Return a leaf as a message."""
        body = (
            [(self._name(process), values) for process, values in leaf.path],
            [[self._sleeping(*event, asleep) for event, asleep in sleep.items()] for sleep in leaf.sleeps],
            None if leaf.step is None else (self._name(leaf.step[0]), leaf.step[1]),
            leaf.every,
            [self._footprint(each) for each in leaf.planned],
        )
        return self._with_rows(body)

    def report(self, report: Report) -> Message:
        """Return a report as a message."""
        body = (
            [
                (self._name(step.process), step.values, step.options, self._footprint(step.footprint))
                for step in report.taken
            ],
            [self._reversal(each) for each in report.reversals],
            report.blocked,
        )
        return self._with_rows(body)

    def _with_rows(self, body: tuple[Any, ...]) -> Message:
        rows, self._fresh = self._fresh, []
        # What stands twice in one message is one object, which pickle writes once. Not longer: an id is used again.
        self._footprints.clear()
        self._asleep.clear()
        return rows, body

    def _name(self, key: int) -> int:
        row = self._rows.get(key)
        if row is None:
            shape = name.shape(key)
            if isinstance(shape, str):
                self._fresh.append(shape)
            elif len(shape) == 2:
                self._fresh.append((self._name(shape[0]), shape[1]))
            else:
                self._fresh.append((shape[0], self._name(shape[1]), *shape[2:]))
            row = self._rows[key] = len(self._rows)
        return row

    def _footprint(self, footprint: Footprint | None) -> tuple[Any, ...] | None:
        if footprint is None:
            return None
        known = self._footprints.get(id(footprint))
        if known is None:
            known = tuple([tuple([self._name(key) for key in keys]) for keys in footprint])
            self._footprints[id(footprint)] = known
        return known

    def _sleeping(self, process: int, values: tuple[int, ...], asleep: Asleep) -> tuple[Any, ...]:
        known = self._asleep.get(id(asleep))
        if known is None:
            known = (self._name(process), values, self._footprint(asleep.footprint), asleep.options)
            self._asleep[id(asleep)] = known
        return known

    def _reversal(self, reversal: Reversal) -> tuple[Any, ...]:
        sequence = reversal.sequence
        events = [
            (self._name(event.process), event.values, self._footprint(event.footprint)) for event in sequence.events
        ]
        return reversal.depth, events, [tuple(before) for before in sequence.predecessors], reversal.options


class Reader:
    """Reads what a :class:`Writer` at the other end put into tuples."""

    def __init__(self) -> None:
        self._names: list[int] = []
        self._footprints: dict[int, Footprint] = {}

    def leaf(self, message: Message) -> Leaf:
        """Return the leaf of a message."""
        path, sleeps, step, every, planned = self._learn(message)
        names = self._names
        return Leaf(
            [(names[process], values) for process, values in path],
            [Sleep(self._sleeping(entry) for entry in sleep) for sleep in sleeps],
            None if step is None else (names[step[0]], step[1]),
            every,
            [None if each is None else self._footprint(each) for each in planned],
        )

    def report(self, message: Message) -> Report:
        """Return the report of a message."""
        taken, reversals, blocked = self._learn(message)
        names = self._names
        return Report(
            [Taken(names[process], values, options, self._footprint(form)) for process, values, options, form in taken],
            [self._reversal(*each) for each in reversals],
            blocked,
        )

    def _learn(self, message: Message) -> Any:
        rows, body = message
        names = self._names
        for row in rows:
            match row:
                case str():
                    names.append(name.static(row))
                case (int() as owner, str() as part):
                    names.append(name.member(names[owner], part))
                case (str() as kind, int() as process, int() as step, int() as ordinal):
                    names.append(name.causal(kind, names[process], step, ordinal))
        self._footprints.clear()
        return body

    def _footprint(self, form: tuple[Any, ...]) -> Footprint:
        known = self._footprints.get(id(form))
        if known is None:
            names = self._names
            known = Footprint(*[frozenset([names[row] for row in keys]) for keys in form])
            self._footprints[id(form)] = known
        return known

    def _sleeping(self, entry: tuple[Any, ...]) -> tuple[tuple[int, tuple[int, ...]], Asleep]:
        process, values, form, options = entry
        return (self._names[process], values), Asleep(self._footprint(form), options)

    def _reversal(self, depth: int, events: Any, predecessors: Any, options: Any) -> Reversal:
        names = self._names
        sequence = Sequence(
            [
                Event(names[process], values, None if form is None else self._footprint(form))
                for process, values, form in events
            ],
            [set(before) for before in predecessors],
        )
        return Reversal(depth, sequence, options)
