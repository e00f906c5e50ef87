"""Which steps can have to do with each other at all: the components of a program, found while it is explored.

Two steps belong to one component if one put the other on the agenda, if they are neighbours in one process (requests of
one link, say), or if they access one key and do not merely both read it or both add to it. That is counted over all
executions: it does not matter whether the two ever occurred in the same one. Excepted are

* the *trunk*: the first steps, while everything later is their consequence. What they did is the same for all.
* neighbours in one cascade of which the later is a handle: the ready queue alone connects them, and nothing that a
  handle does depends on what stood before it in the queue. Were two cascades of this kind, an order of one component
  could be forced by another's; they are then one.

A judgement is a step after the end: what it reads, it joins.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from simharness.core.footprint import Footprint
from simharness.core.step import Kind, Step

Atom = Hashable


@dataclass(slots=True)
class _Access:
    """Who reads, writes and adds to a key; one atom stands for all that are joined."""

    readers: set[Atom] = field(default_factory=set)
    writers: set[Atom] = field(default_factory=set)
    adders: set[Atom] = field(default_factory=set)


class Components:
    """A partition of steps that only ever grows coarser.

    An atom is a step as ``(process, index)``, or a judgement by its name.
    """

    def __init__(self) -> None:
        self._parent: dict[Atom, Atom] = {}
        self._born: dict[Atom, int] = {}
        self._keys: dict[int, _Access] = {}
        self._mixed: dict[int, set[Atom]] = {}
        self._settled = 0
        self.joined: set[Atom] = set()
        """Atoms of components that were told apart at the last ``settle`` and are one now."""

    def find(self, atom: Atom) -> Atom:
        """Return the atom that stands for the component of ``atom``."""
        parent = self._parent
        if atom not in parent:
            parent[atom] = atom
            self._born[atom] = len(self._born)
        root = atom
        while parent[root] != root:
            root = parent[root]
        while parent[atom] != root:
            parent[atom], atom = root, parent[atom]
        return root

    def age(self, atom: Atom) -> int:
        """Return when an atom was first heard of, for sorting."""
        return self._born[self.find(atom)]

    def settle(self) -> None:
        """From now on, joining what is known by now counts as a discovery."""
        self._settled = len(self._born)
        self.joined.clear()

    def join(self, one: Atom, other: Atom) -> None:
        """Let two atoms be of one component."""
        one, other = self.find(one), self.find(other)
        if one == other:
            return
        # The elder stands for both, so that one that is new never hides that another was known.
        if self._born[other] < self._born[one]:
            one, other = other, one
        if self._born[other] < self._settled:
            self.joined.add(one)
        self._parent[other] = one

    def observe(self, steps: Sequence[Step]) -> list[Atom | None]:
        """Take in an execution and return the atom of each step; None for the trunk."""
        trunk = trunk_length(steps)
        atoms: list[Atom | None] = [None] * trunk
        last: dict[int, int] = {}
        queued: list[tuple[int, Atom, Atom]] = []
        for position in range(trunk, len(steps)):
            step = steps[position]
            atom: Atom = (step.process, step.index)
            atoms.append(atom)
            if step.cause is not None and step.cause >= trunk:
                self.join(atom, atoms[step.cause])
            before = atoms[last[step.process]] if step.process in last else None
            if before is not None and step.kind is not Kind.HANDLE:
                self.join(atom, before)
            elif before is not None:
                queued.append((step.process, atom, before))
            last[step.process] = position
            self.access(atom, step.footprint)
        self._queued(queued)
        return atoms

    def judge(self, readings: Mapping[str, Footprint]) -> None:
        """Take in what judgements read, by their names."""
        for judgement, footprint in readings.items():
            self.access(("judgement", judgement), footprint)

    def count(self, atoms: Iterable[Atom]) -> int:
        """Return how many components there are among the atoms."""
        return len({self.find(atom) for atom in atoms})

    def access(self, atom: Atom, footprint: Footprint) -> None:
        """Join an atom with all that it conflicts with."""
        for key in footprint.reads:
            access = self._keys.setdefault(key, _Access())
            self._meet(atom, access.writers, access.adders)
            self._enter(atom, access.readers)
        for key in footprint.adds:
            access = self._keys.setdefault(key, _Access())
            self._meet(atom, access.writers, access.readers)
            self._enter(atom, access.adders)
        for key in footprint.writes:
            access = self._keys.setdefault(key, _Access())
            self._meet(atom, access.writers, access.readers, access.adders)
            self._enter(atom, access.writers)

    def _meet(self, atom: Atom, *others: set[Atom]) -> None:
        for group in others:
            if group:
                for other in group:
                    self.join(atom, other)
                group.clear()
                group.add(self.find(atom))

    def _enter(self, atom: Atom, group: set[Atom]) -> None:
        group.add(self.find(atom))

    def _queued(self, neighbours: Iterable[tuple[int, Atom, Atom]]) -> None:
        """Note handles behind each other in one cascade; if there is a second such cascade, all in them is one."""
        for process, atom, before in neighbours:
            if self.find(atom) != self.find(before):
                self._mixed.setdefault(process, set()).update((atom, before))
        mixed = [atoms for atoms in self._mixed.values() if self.count(atoms) > 1]
        if len(mixed) > 1:
            first, *others = [atom for atoms in mixed for atom in atoms]
            for atom in others:
                self.join(first, atom)


def trunk_length(steps: Sequence[Step]) -> int:
    """Return how many steps at the beginning have nothing but consequences after them.

    A consequence follows in the same process, or was put on the agenda by a consequence.
    """
    pasts: list[int] = []
    last: dict[int, int] = {}
    for position, step in enumerate(steps):
        past = 1 << position
        if step.cause is not None:
            past |= pasts[step.cause]
        before = last.get(step.process)
        if before is not None:
            past |= pasts[before]
        last[step.process] = position
        pasts.append(past)
    common = -1
    for length, past in enumerate(pasts):
        common &= past | (-1 << length)
    length = 0
    while length < len(steps) and common >> length & 1:
        length += 1
    return length
