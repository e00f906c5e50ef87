"""A schedule: the choices of one execution, as a value that is stored, compared, shrunk and replayed.

Only what differs from the *base order* is written down. The base order is what stock asyncio does with replies
that come at once: run the ready queue first in, first out; then the oldest pending world event; then the next
timer; and answer every question of data with its first option. So the number of :class:`Deviation` objects says
how far from the ordinary an execution is.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise


@dataclass(frozen=True, slots=True, order=True)
class Deviation:
    """One step at which the schedule leaves the base order.

    Args:
        step: position in the execution, from 0.
        index: which of the enabled processes runs, in base order; 0 if only ``values`` deviate.
        values: the answers to the data choices inside the step.
    """

    step: int
    index: int
    values: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a deviation stands, in words that survive a change of the code: positions do not.

    Args:
        displaced: print of what the base order would do there.
        chosen: print of what runs instead; the same where only data choices deviate.
        before: how often the two stood there like this before, and the base order was kept.
    """

    displaced: int
    chosen: int
    before: int


def print_of(label: str) -> int:
    """Return 16 bits for the label of a step: enough to find it among the few that a program offers."""
    return int.from_bytes(blake2b(label.encode(), digest_size=2).digest(), "big")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The deviations of one execution, in order of their steps.

    Args:
        deviations: sorted, at most one for each step.
        length: number of steps of the execution, or None if it is not known.
    """

    deviations: tuple[Deviation, ...] = ()
    length: int | None = None

    def __post_init__(self) -> None:
        if any(a.step >= b.step for a, b in pairwise(self.deviations)):
            raise ValueError("the deviations of a schedule are sorted by step and unique")

    def at(self, step: int) -> Deviation:
        """Return the decision for a step; the base order where nothing is written down."""
        # Linear: schedules are short, and replays walk them once through `by_step`.
        return self.by_step().get(step, Deviation(step, 0))

    def by_step(self) -> dict[int, Deviation]:
        """Return the deviations by their step."""
        return {deviation.step: deviation for deviation in self.deviations}

    def without(self, position: int) -> Schedule:
        """Return this schedule without its ``position``-th deviation."""
        return Schedule(self.deviations[:position] + self.deviations[position + 1 :])


def from_decisions(decisions: list[tuple[int, tuple[int, ...]]]) -> Schedule:
    """Return the schedule of ``(index, values)`` for every step of an execution."""
    deviations = []
    for step, (index, values) in enumerate(decisions):
        kept = values
        while kept and kept[-1] == 0:
            kept = kept[:-1]
        if index or kept:
            deviations.append(Deviation(step, index, kept))
    return Schedule(tuple(deviations), len(decisions))
