"""L4: after a disconnect or an expired listen key the stream is back and reconciled within T."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from simharness.core.time import format_seconds
from simharness.invariants.patience import Patience
from simharness.invariants.rule import Breach, Rule
from simharness.invariants.rules.q1_same_working_orders import SameWorkingOrders
from simharness.invariants.rules.q2_position_matches_fills import PositionMatchesFills
from simharness.invariants.rules.q4_exactly_once import ExactlyOnce
from simharness.invariants.view import View

_AGAIN: tuple[type[Rule], ...] = (SameWorkingOrders, PositionMatchesFills, ExactlyOnce)


class StreamRecovers(Rule):
    """Adds up the time that passes over a broken stream, and over orders that differ from their rows once one broke.

    Nothing of the gap is replayed, so a stream that is back is not enough: what happened meanwhile has to be asked for.
    At the end, when nothing is left to happen, the stream must be back, and the rules that compare with the venue
    are asked once more. Time counts as :mod:`simharness.invariants.patience` says.
    """

    id = "L4"

    def __init__(self) -> None:
        self._late = Patience()

    def vacuous(self, view: View) -> str | None:
        return None if view.venue is not None and view.venue.stream_breaks else "no user stream broke"

    def on_time(self, view: View, passed_ns: int) -> None:
        if view.venue is not None:
            broken = view.venue.broken_streams()
            stale = _stale(view) if view.venue.stream_breaks else []
            self._late.wrong([*broken, *stale], view, passed_ns)

    def at_rest(self, view: View) -> Iterable[Breach]:
        if view.venue is None or not view.venue.stream_breaks:
            return
        bound_ns = self.bound_ns(view)
        for what, step, total_ns in self._late.exhausted(bound_ns):
            spent, allowed = format_seconds(total_ns), format_seconds(bound_ns)
            yield Breach(f"{what} was not brought back for {spent}; at most {allowed} are allowed", step=step)
        for stream in view.venue.broken_streams():
            yield Breach(f"{stream} broke and never came back")
        for rule in _AGAIN:
            if rule.applies(view.snapshot):
                for breach in rule().at_rest(view):
                    yield replace(breach, message=f"after a user stream broke ({rule.id}): {breach.message}")


def _stale(view: View) -> list[str]:
    """Return the orders whose rows do not say what the venue says."""
    assert view.venue is not None
    for key in sorted(view.snapshot.orders):
        view.observe(key)
    found = []
    for order in view.venue.orders():
        known = view.order_at(order.id, order.request.client_id)
        filled = sum((trade.quantity for trade in order.trades), Decimal(0))
        if known is None or known.filled != filled or known.state.final is order.open:
            found.append(f"order {order.id}")
    return found
