"""S7: closing, rolling back or stopping never grows a position or flips its sign."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Snapshot
from simharness.invariants.view import View

if TYPE_CHECKING:
    from simharness.venue.event import ExecutionReport


class ClosingNeverGrows(Rule):
    """Looks at the venue's position after each execution of an order that the program books as a closing one.

    An order that closes leaves a position of the opposite sign, or none. What has its own sign was opened by it.
    An order that is in no row yet is judged at the end.
    """

    id = "S7"

    def __init__(self) -> None:
        self._opened: list[tuple[str, str | None, str, int]] = []

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return "positions" in snapshot.keeps

    def on_report(self, view: View, report: ExecutionReport) -> Iterable[Breach]:
        if report.trade is None or view.venue is None:
            return ()
        order = report.order
        left = view.venue.position(order.symbol, order.request.position_side).quantity
        if left * order.request.side.sign > 0:
            self._opened.append((order.id, order.request.client_id, f"{order.symbol} stands at {left}", view.step))
        return ()

    def vacuous(self, view: View) -> str | None:
        closing = any(order.reduce_only and order.filled for order in view.snapshot.orders.values())
        return None if closing else "nothing was closed"

    def at_rest(self, view: View) -> Iterable[Breach]:
        for order_id, client_id, position, step in self._opened:
            known = view.order_at(order_id, client_id)
            if known is not None and known.reduce_only:
                yield Breach(f"{known.key} was to close a position, and after its execution {position}", step=step)
