"""How long something has been wrong, counting only the time that the program let pass.

Latency is free: any answer may take longer than any bound, and nobody can act on what has not arrived. So time counts
only while nothing is under way, when all that is left to do is to wait for a timer. What passes while a message
travels is the network's.

What a rule looks at when time passes is part of the step in which the timer fires. Whether anything is under way is
not: independent steps may be on their way in one execution of an interleaving and over in another. That can make a
rule silent and never makes it speak wrongly; and the search puts a timer behind everything that does not depend on it,
in the base order as well as in every reversal, so there the most time counts that can.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from simharness.invariants.view import View


@dataclass(slots=True)
class Patience:
    """Adds up, for each thing that may be wrong, how long it has been."""

    # Position of the step in which time passed and by how much; None where the thing was right again.
    _seen: dict[str, list[tuple[int, int | None]]] = field(default_factory=dict)

    def wrong(self, keys: Iterable[str], view: View, passed_ns: int) -> None:
        """Take down that these, and nothing else, are wrong while ``passed_ns`` pass on the program's account."""
        now_wrong = set(keys)
        for key in self._seen.keys() - now_wrong:
            self.right(key, view)
        # Sorted: set order depends on PYTHONHASHSEED.
        for key in sorted(now_wrong):
            self._seen.setdefault(key, []).append((view.step, passed_ns))

    def right(self, key: str, view: View) -> None:
        """Take down that something is right, at least for a moment."""
        if key in self._seen:
            self._seen[key].append((view.step, None))

    def exhausted(self, bound_ns: int) -> Iterator[tuple[str, int, int]]:
        """Yield what was wrong for longer than the bound: its key, the step that completed it, and for how long."""
        for key, stretches in sorted(self._seen.items()):
            total = 0
            for step, passed_ns in stretches:
                total = 0 if passed_ns is None else total + passed_ns
                if total > bound_ns:
                    yield key, step, total
                    break
