"""S5: at most one working order per bot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Snapshot
from simharness.invariants.view import View

if TYPE_CHECKING:
    from simharness.venue.event import ExecutionReport


class OneWorkingOrder(Rule):
    """Counts the open orders at the venue whenever one is accepted; bots trade different symbols, or share one."""

    id = "S5"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return bool(snapshot.owners)

    def on_report(self, view: View, report: ExecutionReport) -> Iterable[Breach]:
        if report.exec_type != "NEW" or view.venue is None:
            return
        symbol = report.order.symbol
        bots = sum(owner.symbol == symbol for owner in view.snapshot.owners.values())
        working = view.venue.open_orders(symbol)
        if bots and len(working) > bots:
            ids = ", ".join(order.id for order in working)
            yield Breach(f"{len(working)} orders of {symbol} work at the venue at once: {ids}")
