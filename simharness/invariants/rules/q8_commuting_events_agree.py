"""Q8: orders of commuting events end in equal states; REST-first equals WS-first."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.outcome import outcome_of
from simharness.invariants.rule import Breach, Rule
from simharness.invariants.rules.x1_serial_equivalence import contrasted
from simharness.invariants.view import View


class CommutingEventsAgree(Rule):
    """Compares executions in which the same happened at the venue, and only the news of it came in another order.

    An answer and a frame tell of the same fact, so whichever comes first, the program must end in the same state.
    The states to compare with are those of the serial executions: there an answer comes before the frames, unless
    the program waits for a frame. Every execution that ends with the same at the venue and the same answers is
    compared with them, so all of these are compared with each other. Where the venue itself ends as in no serial
    order, X1 has its say.
    """

    id = "Q8"

    def vacuous(self, view: View) -> str | None:
        if view.serial is None or not view.serial.complete:
            return "the serial executions are too many"
        same = view.serial.with_the_same_venue(outcome_of(view), len(view.faults))
        return None if same and not view.crashed else "nothing ended at the venue as in a serial execution"

    def at_rest(self, view: View) -> Iterable[Breach]:
        serial, faults = view.serial, len(view.faults)
        if serial is None or not serial.complete or view.crashed:
            return
        outcome = outcome_of(view)
        alike = serial.with_the_same_venue(outcome, faults)
        if alike and all(each.local != outcome.local for each in alike):
            nearest = serial.nearest(outcome, faults, alike)
            yield Breach(
                f"the same happened at the venue, and the order of the news shows: {contrasted(outcome, nearest)}"
            )
