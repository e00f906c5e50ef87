"""L3: an ACTIVE bot has a working order, or reaches ERROR, within T."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from simharness.core.time import format_seconds
from simharness.invariants.patience import Patience
from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Owner, OwnerState, Snapshot
from simharness.invariants.view import View

if TYPE_CHECKING:
    from simharness.venue.event import ExecutionReport


class ActiveBotWorks(Rule):
    """Adds up the time that passes over active bots without an order, and counts bots and orders at the end.

    Time counts as :mod:`simharness.invariants.patience` says: not while a message is under way. Bots that share a
    symbol are counted together with the orders of that symbol.
    """

    id = "L3"

    def __init__(self) -> None:
        self._idle = Patience()

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return bool(snapshot.owners)

    def on_report(self, view: View, report: ExecutionReport) -> Iterable[Breach]:
        if report.exec_type == "NEW":
            self._idle.right(report.order.symbol, view)
        return ()

    def on_time(self, view: View, passed_ns: int) -> None:
        for key in sorted(view.snapshot.owners):
            view.observe(key)
        self._idle.wrong(_short_of_orders(view), view, passed_ns)

    def at_rest(self, view: View) -> Iterable[Breach]:
        bound_ns = self.bound_ns(view)
        for symbol, step, total_ns in self._idle.exhausted(bound_ns):
            spent, allowed = format_seconds(total_ns), format_seconds(bound_ns)
            yield Breach(
                f"an active bot of {symbol} had no order for {spent}; at most {allowed} are allowed", step=step
            )
        for symbol, working in _short_of_orders(view).items():
            active = ", ".join(owner.key for owner in _active(view) if owner.symbol == symbol)
            yield Breach(f"{active} active, and {working} orders of {symbol} work at the venue")


def _active(view: View) -> list[Owner]:
    owners = [view.snapshot.owners[key] for key in sorted(view.snapshot.owners)]
    return [owner for owner in owners if owner.state is OwnerState.ACTIVE]


def _short_of_orders(view: View) -> dict[str, int]:
    """Return the symbols that have more active bots than open orders, with the number of these orders."""
    found: dict[str, int] = {}
    if view.venue is None:
        return found
    active = _active(view)
    for symbol in sorted({owner.symbol for owner in active}):
        working = len(view.venue.open_orders(symbol))
        if working < sum(owner.symbol == symbol for owner in active):
            found[symbol] = working
    return found
