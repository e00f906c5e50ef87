"""Q4: every execution is applied exactly once, even if its order was unknown on arrival."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Snapshot
from simharness.invariants.view import View


class ExactlyOnce(Rule):
    """Compares booked executions and filled quantities with the venue's trades."""

    id = "Q4"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return bool(snapshot.owners) or "executions" in snapshot.keeps

    def vacuous(self, view: View) -> str | None:
        traded = view.venue is not None and view.venue.trades()
        return None if traded else "nothing was executed at the venue"

    def at_rest(self, view: View) -> Iterable[Breach]:
        if view.venue is None:
            return
        booked: Counter[str] = Counter()
        for each in view.snapshot.executions.values():
            booked[each.order] += each.quantity  # type: ignore[assignment]  # a Counter of Decimals
        for order in view.venue.orders():
            known = view.order_at(order.id, order.request.client_id)
            filled = sum((trade.quantity for trade in order.trades), Decimal(0))
            if known is None:
                if filled:
                    yield Breach(f"the venue filled {filled} of {order.id}, which is in no row")
                continue
            if known.filled != filled:
                yield Breach(f"{known.key} says {known.filled} filled, the venue filled {filled} of {order.id}")
            if booked[known.key] != filled:
                yield Breach(f"{booked[known.key]} is booked for {known.key}, the venue filled {filled} of {order.id}")
