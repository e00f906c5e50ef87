"""Q1: the local set of working orders is the venue's."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import LocalState
from simharness.invariants.view import View

_OPEN = (LocalState.WORKING, LocalState.PARTIALLY_FILLED)


class SameWorkingOrders(Rule):
    """Compares both sides when the system is quiet."""

    id = "Q1"

    def at_rest(self, view: View) -> Iterable[Breach]:
        if view.venue is None:
            return
        there = {order.id: order for order in view.venue.open_orders()}
        for key, order in sorted(view.snapshot.orders.items()):
            if order.state in _OPEN and order.exchange_id not in there:
                yield Breach(f"{key} is {order.state}, but the venue has no such open order ({order.exchange_id})")
            if order.state is LocalState.INTENT:
                yield Breach(f"{key} is still an intent: nobody found out whether the venue has the order")
        for order_id, open_order in sorted(there.items()):
            known = view.order_at(order_id, open_order.request.client_id)
            if known is None:
                yield Breach(f"{order_id} works at the venue and is in no row")
            elif known.state not in _OPEN:
                yield Breach(f"{order_id} works at the venue, but {known.key} is {known.state}")
