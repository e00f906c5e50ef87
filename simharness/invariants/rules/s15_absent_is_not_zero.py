"""S15: an absent field is not zero; an empty snapshot is not "flat"."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule, changed
from simharness.invariants.snapshot import LocalPosition, Snapshot
from simharness.invariants.view import View


class AbsentIsNotZero(Rule):
    """Looks for zeros that nobody said, and for positions that were closed because they were not mentioned."""

    id = "S15"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return "positions" in snapshot.keeps

    def on_commit(self, view: View, before: Snapshot) -> Iterable[Breach]:
        for key, _, new in changed(before, view.snapshot, "positions"):
            if isinstance(new, LocalPosition) and new.alive and (new.entry_price == 0 or new.mark_price == 0):
                yield Breach(f"{key} has a price of zero, which no venue says of an open position")

    def at_rest(self, view: View) -> Iterable[Breach]:
        if view.venue is None:
            return
        for key, row in sorted(view.snapshot.positions.items()):
            orders = [order for order in view.snapshot.orders.values() if order.owner == key]
            bought = any(order.filled and not order.reduce_only for order in orders)
            sold = any(order.filled and order.reduce_only for order in orders)
            alive = any(each.alive and each.symbol == row.symbol for each in view.snapshot.positions.values())
            held = view.venue.position(row.symbol).quantity
            if row.status == "closed" and bought and not sold and not alive and held:
                yield Breach(f"{key} was taken for closed, though nothing closed it; the venue has {held}")
