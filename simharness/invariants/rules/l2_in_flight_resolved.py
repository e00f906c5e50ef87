"""L2: an in-flight order is resolved within T."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import LocalState
from simharness.invariants.view import View


class InFlightResolved(Rule):
    """Looks for orders whose outcome nobody found out, when nothing is left to happen: whatever T is, it passes."""

    id = "L2"

    def at_rest(self, view: View) -> Iterable[Breach]:
        for key, order in sorted(view.snapshot.orders.items()):
            if order.state is LocalState.INTENT:
                yield Breach(f"nobody ever found out what became of {key}")
        if view.venue is None:
            return
        for placed in view.venue.orders():
            if not placed.reason and view.order_at(placed.id, placed.request.client_id) is None:
                yield Breach(f"{placed.id} is {placed.status} at the venue, and the program never learned of it")
