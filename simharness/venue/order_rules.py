"""The part of the monitor that follows orders: I3 and I4, from execution reports alone."""

from __future__ import annotations

from decimal import Decimal

from simharness.errors import IllegalVenue
from simharness.venue.event import ExecType, ExecutionReport
from simharness.venue.order import OrderStatus, Trade

_ZERO = Decimal(0)


def _illegal(rule: str, what: str) -> IllegalVenue:
    return IllegalVenue(f"{rule}: {what}")


class OrderRules:
    """Keeps what was reported of every order, and compares every new report with it."""

    def __init__(self) -> None:
        self.announced: set[str] = set()
        self.trades: dict[str, Trade] = {}
        self._filled: dict[str, Decimal] = {}
        self._cost: dict[str, Decimal] = {}
        self._status: dict[str, OrderStatus] = {}
        self._time_ns: dict[str, int] = {}

    def observe(self, report: ExecutionReport) -> None:
        """Check a report as the engine emits it, whether or not anybody listens.

        Raises:
            IllegalVenue: I2 a trade before NEW; I3 an impossible quantity, state or price; I4 a trade that repeats
                or does not add up; I9 time that goes back.
        """
        order = report.order
        if report.exec_type is ExecType.NEW:
            self.announced.add(order.id)
        elif report.exec_type is ExecType.TRADE and order.id not in self.announced:
            raise _illegal("I2", f"{order.id} trades before it is NEW")
        before = self._status.get(order.id)
        if before is not None and before.final:
            raise _illegal("I3", f"{order.id} is {before} and reports {report.exec_type}")
        if order.updated_ns < self._time_ns.get(order.id, 0):
            raise _illegal("I9", f"{order.id} reports {order.updated_ns} after {self._time_ns[order.id]}")
        if order.filled < self._filled.get(order.id, _ZERO) or not _ZERO <= order.filled <= order.request.quantity:
            raise _illegal("I3", f"{order.id} has filled {order.filled} of {order.request.quantity}")
        self._observe_trade(report)
        self._status[order.id] = order.status
        self._time_ns[order.id] = order.updated_ns

    def _observe_trade(self, report: ExecutionReport) -> None:
        order, trade = report.order, report.trade
        if trade is not None:
            if trade.id in self.trades:
                raise _illegal("I4", f"trade {trade.id} happens twice")
            limit = order.request.price
            if limit is not None and (trade.price - limit) * trade.side.sign > 0:
                raise _illegal("I3", f"{trade.id} at {trade.price} is worse than the limit {limit}")
            self.trades[trade.id] = trade
            self._filled[order.id] = self._filled.get(order.id, _ZERO) + trade.quantity
            self._cost[order.id] = self._cost.get(order.id, _ZERO) + trade.quantity * trade.price
        filled, cost = self._filled.get(order.id, _ZERO), self._cost.get(order.id, _ZERO)
        if order.filled != filled or order.cost != cost:
            raise _illegal(
                "I4", f"{order.id} says {order.filled} for {order.cost}, its trades add up to {filled} for {cost}"
            )
