"""The shape of an invariant: it is asked at the moments at which something it looks at has changed.

Between two steps nothing is proven about the order of independent steps. So a rule may look

* at one changed row and its earlier version (the writers of a row are ordered anyway),
* at rows through ``view.observe``, which makes the look part of the step's footprint,
* at the venue, whose reads record themselves,
* at any of these in ``on_time``, when nothing happens but that time passes,
* at anything in ``at_rest``, where nothing is left to happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simharness.core.catalog import invariant
from simharness.invariants.snapshot import Snapshot
from simharness.invariants.view import Answer, View

if TYPE_CHECKING:
    from simharness.venue.event import ExecutionReport


@dataclass(frozen=True, slots=True)
class Breach:
    """A violation, before the world adds the id and the place.

    Args:
        message: one sentence for a user.
        step: position of the step that completed it, if it is not the running one.
        witness: positions of steps that explain it.
        warning: whether it refutes nothing.
    """

    message: str
    step: int | None = None
    witness: tuple[int, ...] = ()
    warning: bool = False


class Rule:
    """One invariant. A new instance watches each execution, so it may keep state.

    Attributes:
        id: its id in ``core.catalog``.
    """

    id: ClassVar[str]

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        """Return whether the system has what the rule looks at; asked once, at the start."""
        del snapshot
        return True

    def on_commit(self, view: View, before: Snapshot) -> Iterable[Breach]:
        """Judge a step that changed committed rows; only changed rows may be compared with ``before``."""
        del view, before
        return ()

    def on_report(self, view: View, report: ExecutionReport) -> Iterable[Breach]:
        """Judge something that happened to an order at the venue, in the step in which it happened."""
        del view, report
        return ()

    def on_answer(self, view: View, answer: Answer) -> Iterable[Breach]:
        """Judge what a client was told, in the step in which it arrived."""
        del view, answer
        return ()

    def on_time(self, view: View, passed_ns: int) -> None:
        """Take down what is so while time passes, in the step in which a timer fires and before it does anything.

        ``passed_ns`` is 0 while anything is under way: that time is not the program's.
        What it reads is part of the step once the execution has lasted longer than the rule's bound: before, nothing
        can be late, and the timers of a short execution need not depend on everything that rules look at.
        """
        del view, passed_ns

    def vacuous(self, view: View) -> str | None:
        """Return why there was nothing to judge in an execution, or None if there was; asked at the end."""
        del view
        return None

    def bound_ns(self, view: View) -> int:
        """Return the T of the invariant, in nanoseconds of virtual time."""
        entry = invariant(self.id)
        assert entry is not None
        return view.bounds_ns.get(self.id, entry.bound_ns)

    def at_rest(self, view: View) -> Iterable[Breach]:
        """Judge the end, when nothing is left to happen."""
        del view
        return ()


def changed(before: Snapshot, now: Snapshot, kind: str) -> Iterator[tuple[str, object | None, object | None]]:
    """Yield ``(key, old, new)`` for the rows of one kind that differ; None where there is none."""
    old, new = getattr(before, kind), getattr(now, kind)
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield key, old.get(key), new.get(key)
