"""The outcomes of serial executions: commands and events one at a time, each to its end before the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from simharness.invariants.outcome import Outcome


@dataclass(slots=True)
class SerialOutcomes:
    """What a case can come to if nothing overlaps; computed once, before the search.

    Args:
        least_faults: outcome → the smallest number of faults with which a serial execution comes to it.
        executions: how many serial executions were looked at.
        complete: whether those were all; nothing is judged by a part of them.
    """

    least_faults: dict[Outcome, int] = field(default_factory=dict)
    executions: int = 0
    complete: bool = True

    def add(self, outcome: Outcome, faults: int) -> None:
        """Take the outcome of one serial execution."""
        self.least_faults[outcome] = min(faults, self.least_faults.get(outcome, faults))

    def permits(self, outcome: Outcome, faults: int) -> bool:
        """Return whether a serial execution with no more faults comes to the same."""
        return self.least_faults.get(outcome, faults + 1) <= faults

    def nearest(self, outcome: Outcome, faults: int, among: Iterable[Outcome] | None = None) -> Outcome | None:
        """Return the serial outcome that differs in the fewest facts, or None if there is none."""
        candidates = self.least_faults if among is None else among
        possible = [each for each in candidates if self.least_faults[each] <= faults]
        return min(possible, key=lambda each: (each.distance(outcome), each.facts()), default=None)

    def with_the_same_venue(self, outcome: Outcome, faults: int) -> list[Outcome]:
        """Return the serial outcomes in which the venue and the clients saw the same as in ``outcome``."""
        return [
            each
            for each, least in self.least_faults.items()
            if least <= faults and (each.venue, each.refused) == (outcome.venue, outcome.refused)
        ]
