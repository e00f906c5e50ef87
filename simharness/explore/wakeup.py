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

    def weak_initial(self, process: int, values: Values, footprint: Footprint) -> bool:
        """Return whether the event may be taken first without leaving this sequence.

        It may if it is in the sequence and nothing of it happens before, or if it is not and commutes with all.
        """
        position = self.first_of(process)
        if position is not None:
            return self.events[position].values == values and not self.predecessors[position]
        return not any(
            event.footprint is None or conflicting(footprint, event.footprint) for event in self.events
        )


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
            found = _match(event, sequence, left, remaining)
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


def _match(event: Event, sequence: Sequence, left: list[int], remaining: set[int]) -> int | None:
    """Return the position of the tree's event in what is left, -1 if it commutes with all of it, else None."""
    for position in left:
        candidate = sequence.events[position]
        if candidate.process == event.process:
            covers = event.values is None or event.values == candidate.values
            return position if covers and not sequence.predecessors[position] & remaining else None
    if event.footprint is None:
        return None
    for position in left:
        footprint = sequence.events[position].footprint
        if footprint is None or conflicting(event.footprint, footprint):
            return None
    return -1
