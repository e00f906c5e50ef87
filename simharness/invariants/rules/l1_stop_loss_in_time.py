"""L1: a position is without a stop for at most T."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Snapshot
from simharness.invariants.view import View


class StopLossInTime(Rule):
    """Looks for naked positions when nothing is left to happen: whatever T is, it passes.

    A position that gets its stop late, but gets it, is not reported: between two steps time means nothing, because
    any delivery may take as long as it likes.
    """

    id = "L1"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return "positions" in snapshot.keeps

    def at_rest(self, view: View) -> Iterable[Breach]:
        if view.venue is None:
            return
        for held in view.venue.positions():
            if not held.quantity:
                continue
            orders = view.venue.open_orders(held.symbol)
            stops = [
                order for order in orders if order.request.side.sign * held.quantity < 0 and order.request.reduce_only
            ]
            covered = sum(order.remaining for order in stops)
            if covered < abs(held.quantity):
                yield Breach(f"{held.symbol}: {held.quantity} at the venue, and stops for {covered} of it, for ever")
