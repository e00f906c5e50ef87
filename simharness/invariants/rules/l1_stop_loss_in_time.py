"""L1: a position is without a stop for at most T."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from simharness.core.footprint import recorder
from simharness.core.time import format_seconds
from simharness.invariants.patience import Patience
from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Snapshot
from simharness.invariants.view import View

if TYPE_CHECKING:
    from simharness.venue.event import ExecutionReport


class StopLossInTime(Rule):
    """Adds up the time that passes over a position without a stop, and looks for naked positions at the end.

    Time counts as :mod:`simharness.invariants.patience` says: not while a message is under way. What is naked when
    nothing is left to happen stays so, whatever T is.
    """

    id = "L1"

    def __init__(self) -> None:
        self._naked = Patience()

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return "positions" in snapshot.keeps

    def vacuous(self, view: View) -> str | None:
        return None if view.venue is not None and view.venue.positions() else "no position was ever held"

    def on_report(self, view: View, report: ExecutionReport) -> Iterable[Breach]:
        # What is covered for a moment begins anew; the look decides nothing, so it is not on the record.
        with recorder.aside():
            symbol = report.order.symbol
            if symbol not in _naked(view):
                self._naked.right(symbol, view)
        return ()

    def on_time(self, view: View, passed_ns: int) -> None:
        self._naked.wrong(_naked(view), view, passed_ns)

    def at_rest(self, view: View) -> Iterable[Breach]:
        bound_ns = self.bound_ns(view)
        for symbol, step, total_ns in self._naked.exhausted(bound_ns):
            spent, allowed = format_seconds(total_ns), format_seconds(bound_ns)
            yield Breach(f"{symbol} was without a stop for {spent}; at most {allowed} are allowed", step=step)
        for symbol, (held, covered) in _naked(view).items():
            yield Breach(f"{symbol}: {held} at the venue, and stops for {covered} of it, for ever")


def _naked(view: View) -> dict[str, tuple[Decimal, Decimal]]:
    """Return the symbols of positions that stops do not cover, with what is held and what is covered."""
    found: dict[str, tuple[Decimal, Decimal]] = {}
    if view.venue is None:
        return found
    for held in view.venue.positions():
        if not held.quantity:
            continue
        orders = view.venue.open_orders(held.symbol)
        stops = [order for order in orders if order.request.side.sign * held.quantity < 0 and order.request.reduce_only]
        covered = sum((order.remaining for order in stops), Decimal(0))
        if covered < abs(held.quantity):
            found[held.symbol] = (held.quantity, covered)
    return found
