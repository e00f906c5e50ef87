"""Q2: position = sum of signed fills = the venue's position."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Snapshot
from simharness.invariants.view import View

_ZERO = Decimal(0)


class PositionMatchesFills(Rule):
    """Compares rows, memory and booked fills with the venue when the system is quiet."""

    id = "Q2"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return "positions" in snapshot.keeps

    def at_rest(self, view: View) -> Iterable[Breach]:
        if view.venue is None:
            return
        rows = [row for row in view.snapshot.positions.values() if row.alive]
        for market in view.venue.markets:
            if not market.derivative:
                continue
            held = sum((each.quantity for each in view.venue.positions() if each.symbol == market.symbol), _ZERO)
            stored = sum((row.quantity for row in rows if row.symbol == market.symbol), _ZERO)
            if stored != held:
                yield Breach(f"the rows of {market.symbol} add up to {stored}, the venue has {held}")
            tracked = view.memory.positions.get(market.symbol)
            if tracked is not None and tracked.quantity != held:
                yield Breach(f"memory has {tracked.quantity} of {market.symbol}, the venue has {held}")
            booked = _booked(view, market.symbol)
            if booked != held:
                yield Breach(f"the booked fills of {market.symbol} add up to {booked}, the venue has {held}")


def _booked(view: View, symbol: str) -> Decimal:
    total = _ZERO
    for fill in view.snapshot.executions.values():
        order = view.snapshot.orders.get(fill.order)
        if order is not None and order.symbol == symbol:
            total += fill.quantity if order.side == "buy" else -fill.quantity
    return total
