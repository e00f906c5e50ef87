"""The tree of one search that several processes work on.

Depth-first search forgets: when it comes to a branch, everything that the branches before it owe it is known. With
several branches under way, one may learn late what another should have begun with. So this tree keeps the planned
part of branches that are begun or even finished, and what arrives late is planned behind what is there. Whoever
comes to it from the left finds what depth-first search would have found. What follows a leaf is free, explored with
nothing asleep, and complete without any help: nothing is ever added there from outside. See docs/decisions/008.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from simharness.core.footprint import Footprint
from simharness.explore.dpor import following
from simharness.explore.parallel.size import Sizes
from simharness.explore.wakeup import Asleep, Event, Sequence, Sleep, Values, match


@dataclass(slots=True, eq=False)
class Place:
    """A node of the tree, with the event that leads to it.

    Args:
        parent: the node before; None at the root.
        process: who takes the step to here.
        values: with which data choices; those after them are the first ones, until the step was executed.
        every: whether the combinations of data choices after this one are owed as well.
        leaf: whether what follows is free.
        planned: whether it was part of a plan, rather than the next step that could be taken.
        footprint: what the step touches; None until it is known.
        options: how many answers each of its data choices has; None until it is known.
        sleep: what is asleep here, before any child is explored; None until an execution came by.
        children: from left to right, in the order in which sleep counts.
        done: how many executions there were at or below this place, in this run.
        open: how many leaves at or below this place are not executed yet.
        owed: how many of those are not handed out either.
    """

    parent: Place | None
    process: int = -1
    values: Values = ()
    every: bool = False
    leaf: bool = False
    planned: bool = False
    footprint: Footprint | None = None
    options: Values | None = None
    sleep: Sleep | None = None
    children: list[Place] = field(default_factory=list)
    done: int = 0
    open: int = 0
    owed: int = 0

    @property
    def event(self) -> Event:
        """The event as wakeup trees have it."""
        return Event(self.process, self.values, self.footprint)

    @property
    def asleep(self) -> Asleep | None:
        """What it is once it sleeps; None as long as that is not known."""
        if self.footprint is None or self.options is None:
            return None
        return Asleep(self.footprint, self.options)

    def plan_length(self) -> int:
        """Return how many of the last places on the way here were planned together, or 1 if none was; 0 at the root."""
        place, length = self, 0
        while place.parent is not None and place.planned:
            length += 1
            place = place.parent
        return length or int(self.parent is not None)

    def way(self) -> list[Place]:
        """Return the places from below the root to here."""
        places: list[Place] = []
        place = self
        while place.parent is not None:
            places.append(place)
            place = place.parent
        places.reverse()
        return places


@dataclass(frozen=True, slots=True)
class Reversal:
    """A race that is to be taken the other way round.

    Args:
        depth: of the node before the race, on the path of the execution that has it.
        sequence: what to begin with there.
        options: how many answers the data choices of each of its events have.
    """

    depth: int
    sequence: Sequence
    options: tuple[Values, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that an execution took.

    Args:
        process: its process.
        values: its data choices.
        options: how many answers each had.
        footprint: what it touched.
    """

    process: int
    values: Values
    options: Values
    footprint: Footprint


class Tree:
    """What is explored, under way and owed.

    Args:
        root: of the tree; None for a search that has not begun.
    """

    def __init__(self, root: Place | None = None) -> None:
        self.root = Place(None, leaf=True, sleep=Sleep(), open=1, owed=1) if root is None else root
        self.sizes = Sizes()

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left."""
        return not self.root.open

    def hand_out(self) -> Place | None:
        """Return the leftmost leaf that can be executed now, or None if there is none at the moment.

        One that has a step on its left of which it is not known yet what it touches has to wait: it must sleep there.
        """
        place = _leftmost(self.root)
        if place is not None:
            _count(place, owed=-1)
        return place

    def take_back(self, place: Place) -> None:
        """Let a leaf be handed out again."""
        _count(place, owed=1)

    def sleeps(self, place: Place) -> list[Sleep]:
        """Return what is asleep at each node on the way, from the root to the one before ``place``."""
        found: list[Sleep] = []
        arrived = self.root.sleep
        assert arrived is not None
        for each in place.way():
            assert each.parent is not None
            here = Sleep(arrived)
            for sibling in each.parent.children:
                if sibling is each:
                    break
                assert sibling.asleep is not None
                here[sibling.process, sibling.values] = sibling.asleep
            found.append(here)
            if each.sleep is None and each.footprint is not None:
                each.sleep = here.after(each.process, each.footprint)
            if each.sleep is None:
                break
            arrived = each.sleep
        return found

    def absorb(self, place: Place, taken: list[Taken], reversals: list[Reversal]) -> None:
        """Take in the execution of a leaf.

        Args:
            place: as it was handed out.
            taken: the steps, from the first of those that were planned together with ``place`` on; none of them if it
                turned out to be asleep.
            reversals: what the execution owes.
        """
        way = place.way()
        if taken:
            way += self._grow(place, way[len(way) - place.plan_length() :], taken)
        elif place.parent is not None:
            # All combinations of its data choices sleep.
            place.parent.children.remove(place)
        for reversal in reversals:
            self._insert(way, reversal)
        _count(place, open=-1, done=int(bool(taken)))
        if taken:
            self._close(way[-1] if way else self.root, len(way))
        else:
            self._close(place.parent, len(way) - 1)
        _forget(place)

    def _close(self, place: Place | None, depth: int) -> None:
        """Tell how large the branches were that end here; from the last place of an execution upwards."""
        while place is not None and not place.open:
            self.sizes.closed(place, depth)
            place, depth = place.parent, depth - 1

    def _grow(self, place: Place, known: list[Place], taken: list[Taken]) -> list[Place]:
        """Add the free path behind a leaf, and the combinations of data choices that its steps leave over.

        The first steps are those of ``known``, which ends with the leaf itself.
        """
        grown: list[Place] = []
        for number, step in enumerate(taken):
            if number < len(known):
                at = known[number]
            else:
                above = grown[-1] if grown else place
                at = Place(above, step.process, every=True)
                above.children.append(at)
                grown.append(at)
            at.values, at.footprint, at.options = step.values, step.footprint, step.options
            if at.every:
                self._owe_combination(at)
        return grown

    def _owe_combination(self, place: Place) -> None:
        assert place.parent is not None
        assert place.options is not None
        values = following(place.values, place.options)
        if values is not None:
            siblings = place.parent.children
            after = Place(place.parent, place.process, values, every=True, leaf=True)
            siblings.insert(siblings.index(place) + 1, after)
            _count(after, open=1, owed=1)

    def _insert(self, way: list[Place], reversal: Reversal) -> None:
        """Plan a sequence at a node on the way, unless something there, right of the way, covers it.

        What is on the left was asked before: it sleeps.
        """
        sequence = reversal.sequence
        left = list(range(len(sequence.events)))
        node = way[reversal.depth - 1] if reversal.depth else self.root
        siblings = node.children
        candidates = siblings[siblings.index(way[reversal.depth]) + 1 :]
        while left:
            remaining = set(left)
            for child in candidates:
                found = match(child.event, sequence, left, remaining)
                if found is not None:
                    break
            else:
                self._append(node, sequence, reversal.options, left)
                return
            if child.leaf:
                return
            if found >= 0:
                left.remove(found)
            node, candidates = child, child.children

    def _append(self, node: Place, sequence: Sequence, options: tuple[Values, ...], left: list[int]) -> None:
        for position in left:
            event = sequence.events[position]
            place = Place(node, event.process, event.values or (), planned=True)
            place.footprint, place.options = event.footprint, options[position]
            node.children.append(place)
            node = place
        node.leaf = True
        _count(node, open=1, owed=1)

    def open_leaves(self) -> Iterator[Place]:
        """Yield every leaf that is not executed yet, from left to right."""
        left = [self.root]
        while left:
            place = left.pop()
            if place.leaf and not place.children and place.open:
                yield place
            left.extend(reversed(place.children))


def _leftmost(root: Place) -> Place | None:
    left = [root]
    while left:
        place = left.pop()
        if not place.owed:
            continue
        if place.leaf and not place.children:
            return place
        known = 0
        for child in place.children:
            known += 1
            if child.asleep is None:
                break  # what is right of it has to wait
        left.extend(reversed(place.children[:known]))
    return None


def _count(place: Place | None, *, open: int = 0, owed: int = 0, done: int = 0) -> None:  # noqa: A002 — the names of the fields
    while place is not None:
        place.open += open
        place.owed += owed
        place.done += done
        place = place.parent


def _forget(place: Place | None) -> None:
    """Drop what nobody can come back to: everything behind a step whose leaves are all executed.

    Behind a planned step that is no leaf something may still be added from the left, so the plan stays.
    """
    while place is not None and not place.open:
        if place.leaf or not place.planned:
            place.children.clear()
        place = place.parent
