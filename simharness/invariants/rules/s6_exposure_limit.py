"""S6: the exposure limit holds, in-flight orders counted."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.view import View

if TYPE_CHECKING:
    from simharness.venue.event import ExecutionReport


class ExposureLimit(Rule):
    """Adds position and open orders that may grow it, whenever the venue accepts an order or fills one.

    The venue's reads record themselves, so this look is part of the step.
    """

    id = "S6"

    def vacuous(self, view: View) -> str | None:
        return None if view.exposure_limits else "no market has an exposure_limit"

    def on_report(self, view: View, report: ExecutionReport) -> Iterable[Breach]:
        symbol = report.order.symbol
        limit = view.exposure_limits.get(symbol)
        if limit is None or view.venue is None or report.exec_type not in ("NEW", "TRADE"):
            return
        held = view.venue.position(symbol).quantity
        growing = [order for order in view.venue.open_orders(symbol) if not order.request.reduce_only]
        for sign in (1, -1):
            waiting = sum((order.remaining for order in growing if order.request.side.sign == sign), Decimal(0))
            exposure = max(held * sign, Decimal(0)) + waiting
            if exposure > limit:
                yield Breach(f"{symbol}: {held} held and {waiting} on order make {exposure}; the limit is {limit}")
