"""Q3: cash, PnL and fees follow from the fills, each close counted once."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Snapshot
from simharness.invariants.view import View

_ZERO = Decimal(0)


class CashFollowsFills(Rule):
    """Compares what the booked fills brought in with what the venue's trades did, market by market."""

    id = "Q3"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return "positions" in snapshot.keeps

    def vacuous(self, view: View) -> str | None:
        traded = view.venue is not None and view.venue.trades()
        return None if traded else "nothing was executed at the venue"

    def at_rest(self, view: View) -> Iterable[Breach]:
        if view.venue is None:
            return
        for market in view.venue.markets:
            trades = view.venue.trades(market.symbol)
            there = sum((-trade.side.sign * trade.quantity * trade.price - trade.fee for trade in trades), _ZERO)
            here = _ZERO
            for fill in view.snapshot.executions.values():
                order = view.snapshot.orders.get(fill.order)
                if order is not None and order.symbol == market.symbol:
                    cost = fill.quantity * fill.price
                    here += (-cost if order.side == "buy" else cost) - fill.fee
            if here != there:
                yield Breach(f"the booked fills of {market.symbol} brought in {here}, the venue's trades {there}")
