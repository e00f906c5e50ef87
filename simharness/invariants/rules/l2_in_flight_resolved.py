"""L2: an in-flight order is resolved within T."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.core.time import format_seconds
from simharness.invariants.patience import Patience
from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import LocalOrder, LocalState
from simharness.invariants.view import View


class InFlightResolved(Rule):
    """Adds up the time that passes over an order whose outcome nobody knows, and looks for such orders at the end.

    Time counts as :mod:`simharness.invariants.patience` says: not while a message is under way.
    """

    id = "L2"

    def __init__(self) -> None:
        self._open = Patience()

    def on_time(self, view: View, passed_ns: int) -> None:
        self._open.wrong(_unresolved(view), view, passed_ns)

    def at_rest(self, view: View) -> Iterable[Breach]:
        bound_ns = self.bound_ns(view)
        for what, step, total_ns in self._open.exhausted(bound_ns):
            spent, allowed = format_seconds(total_ns), format_seconds(bound_ns)
            yield Breach(f"nobody knew for {spent} what became of {what}; at most {allowed} are allowed", step=step)
        for key, order in sorted(view.snapshot.orders.items()):
            if order.state is LocalState.INTENT:
                yield Breach(f"nobody ever found out what became of {key}")
        if view.venue is None:
            return
        for placed in view.venue.orders():
            if not placed.reason and view.order_at(placed.id, placed.request.client_id) is None:
                yield Breach(f"{placed.id} is {placed.status} at the venue, and the program never learned of it")


def _unresolved(view: View) -> list[str]:
    """Return the intents among the committed rows, and the orders of the venue that are in no row."""
    rows = [view.observe(key) for key in sorted(view.snapshot.orders)]
    found = [row.key for row in rows if isinstance(row, LocalOrder) and row.state is LocalState.INTENT]
    if view.venue is None:
        return found
    placed = [order for order in view.venue.orders() if not order.reason]
    return found + [order.id for order in placed if view.order_at(order.id, order.request.client_id) is None]
