"""Wakeup trees: the beginnings of executions that are still owed to a node of the search.

From Abdulla, Aronis, Jonsson, Sagonas, "Source Sets: A Foundation for Optimal Dynamic Partial Order Reduction",
JACM 64(4), 2017, section 5. Two differences: an event carries the data choices taken inside it (an event of the
same process with other choices is another event), and its footprint is the one that a replay measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from simharness.core.footprint import Footprint, conflicting

Values = tuple[int, ...]


class Event(NamedTuple):
    """A step that is to be taken.

    Args:
        process: its process.
        values: its data choices, or None for every combination of them.
        footprint: what it touched when it was measured, or None if it never was.
    """

    process: int
    values: Values | None
    footprint: Footprint | None


@dataclass(slots=True)
class Sequence:
    """Events with the order among them.

    Args:
        events: in the order in which they ran.
        predecessors: for each event, the positions of the events that happen before it.
    """

    events: list[Event]
    predecessors: list[set[int]]

    def first_of(self, process: int) -> int | None:
        """Return the position of the first event of a process."""
        for position, event in enumerate(self.events):
            if event.process == process:
                return position
        return None

    def begins_with(self, process: int, values: Values) -> bool:
        """Return whether the event is in the sequence and nothing of it happens before."""
        position = self.first_of(process)
        return position is not None and self.events[position].values == values and not self.predecessors[position]

    def commutes(self, footprint: Footprint) -> bool:
        """Return whether a step with this footprint could be taken before or after all of it."""
        return not any(event.footprint is None or conflicting(footprint, event.footprint) for event in self.events)


class Asleep(NamedTuple):
    """An event whose continuations were explored.

    Args:
        footprint: what it touched.
        options: how many answers each of its data choices had.
    """

    footprint: Footprint
    options: Values


class Sleep(dict[tuple[int, Values], Asleep]):
    """The events that need not be taken first any more, by process and data choices."""

    def after(self, process: int, footprint: Footprint) -> Sleep:
        """Return what is still asleep after a step of ``process``."""
        return Sleep(
            {
                event: asleep
                for event, asleep in self.items()
                if event[0] != process and not conflicting(asleep.footprint, footprint)
            }
        )

    def covers(self, sequence: Sequence) -> bool:
        """Return whether everything that begins with the sequence was explored.

        It was if a sleeping event can be taken first without leaving the sequence: one that begins it; or a process
        that does not occur in it, if it commutes with all of it whichever way its data choices fall. (One answer is not
        enough: what follows the sequence may take another one.)
        """
        present = {event.process for event in sequence.events}
        outside: dict[int, dict[Values, Values]] = {}
        for (process, values), asleep in self.items():
            if process in present:
                if sequence.begins_with(process, values):
                    return True
            elif sequence.commutes(asleep.footprint):
                outside.setdefault(process, {})[values] = asleep.options
        return any(_complete(answers) for answers in outside.values())


def _complete(answers: dict[Values, Values], given: Values = ()) -> bool:
    """Return whether ``answers`` (with the numbers of options) are all that a step can give after ``given``."""
    for values, options in answers.items():
        if values[: len(given)] == given:
            if len(values) == len(given):
                return True
            return all(_complete(answers, (*given, value)) for value in range(options[len(given)]))
    return False


@dataclass(slots=True)
class Node:
    """A node of a wakeup tree; the order of the children is the order of exploration."""

    children: list[tuple[Event, Node]] = field(default_factory=list)


def insert(root: Node, sequence: Sequence) -> bool:
    """Add the sequence to the tree unless some leaf already covers it; return whether a branch was added."""
    events = sequence.events
    left = list(range(len(events)))
    node = root
    descended = False
    while True:
        if descended and not node.children:
            return False  # a leaf: whatever follows it is free, so the rest of the sequence is covered
        remaining = set(left)
        for event, child in node.children:
            found = match(event, sequence, left, remaining)
            if found is not None:
                if found >= 0:
                    left.remove(found)
                node = child
                descended = True
                break
        else:
            break
        if not left:
            return False
    for position in left:
        child = Node()
        node.children.append((events[position], child))
        node = child
    return True


def match(event: Event, sequence: Sequence, left: list[int], remaining: set[int]) -> int | None:
    """Return the position of the tree's event in what is left, -1 if it commutes with all of it, else None.

    An event with data choices never counts as -1: below it, its process has taken one answer; the sequence leaves open
    which one it will take.
    """
    for position in left:
        candidate = sequence.events[position]
        if candidate.process == event.process:
            covers = event.values is None or event.values == candidate.values
            return position if covers and not sequence.predecessors[position] & remaining else None
    if event.footprint is None or event.values:
        return None
    for position in left:
        footprint = sequence.events[position].footprint
        if footprint is None or conflicting(event.footprint, footprint):
            return None
    return -1
