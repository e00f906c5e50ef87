"""X1: every outcome is the outcome of some serial order of the commands and events that respects their causes."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.outcome import Outcome, outcome_of
from simharness.invariants.rule import Breach, Rule
from simharness.invariants.view import View


class SerialEquivalence(Rule):
    """Looks the outcome up among those of the serial executions of the case, with no more faults than struck here.

    A command that was refused may be missing from the serial order. Executions in which the program crashed are
    Q9's: a crash inside a command has no serial counterpart.
    """

    id = "X1"

    def vacuous(self, view: View) -> str | None:
        if view.serial is None or not view.serial.complete:
            return "the serial executions are too many"
        outcome = outcome_of(view)
        if not outcome.local and not outcome.venue:
            return "the system translates no rows, so all outcomes look alike"
        return "the program crashed every time" if view.crashed else None

    def at_rest(self, view: View) -> Iterable[Breach]:
        serial, faults = view.serial, len(view.faults)
        if serial is None or not serial.complete or view.crashed:
            return
        outcome = outcome_of(view)
        if not serial.permits(outcome, faults):
            nearest = serial.nearest(outcome, faults)
            yield Breach(f"no serial order of the commands and events comes to this: {contrasted(outcome, nearest)}")


def contrasted(outcome: Outcome, nearest: Outcome | None) -> str:
    """Return in which facts an outcome differs from the nearest one that is right."""
    if nearest is None:
        return "no serial execution ends at all"
    here, there = outcome.difference(nearest)
    return f"here {_listed(here)}; in the nearest serial order {_listed(there)}"


def _listed(facts: list[str]) -> str:
    shown = "; ".join(facts[:3])
    return f"{shown}; and {len(facts) - 3} more" if len(facts) > 3 else shown or "nothing else"
