"""The part of the monitor that follows orders, from execution reports alone: I2, I3, I4, I7, I9, I11."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from simharness.errors import IllegalVenue
from simharness.venue.event import ExecType, ExecutionReport
from simharness.venue.market import Market
from simharness.venue.order import Order, OrderStatus, Trade
from simharness.venue.refusal import Rejected

_ZERO = Decimal(0)


def _illegal(rule: str, what: str) -> IllegalVenue:
    return IllegalVenue(f"{rule}: {what}")


class OrderRules:
    """Keeps what was reported of every order, and compares every new report with it.

    Args:
        markets: what is traded, by symbol.
    """

    def __init__(self, markets: Mapping[str, Market]) -> None:
        self.announced: set[str] = set()
        self._markets = markets
        self._trade_ids: set[str] = set()
        self._last: dict[str, Order] = {}
        self._filled: dict[str, Decimal] = {}
        self._cost: dict[str, Decimal] = {}
        self._time_ns = 0

    def observe(self, report: ExecutionReport) -> None:
        """Check a report.

        Raises:
            IllegalVenue: I2 a trade before NEW; I3 an impossible quantity, state or price; I4 a trade that repeats
                or does not add up; I7 an order or a trade that the order's own terms forbid; I9 time that goes back.
        """
        order = report.order
        if report.exec_type is ExecType.NEW:
            self.announced.add(order.id)
            self._check_filters(order)
        elif report.exec_type is ExecType.TRADE and order.id not in self.announced:
            raise _illegal("I2", f"{order.id} trades before it is NEW")
        if order.updated_ns < self._time_ns:
            raise _illegal("I9", f"{order.id} reports {order.updated_ns} after {self._time_ns}")
        self._check_progress(order, report.exec_type)
        if report.trade is not None:
            self._check_trade(order, report.trade)
        self._check_sums(order)
        self._last[order.id] = order
        self._time_ns = order.updated_ns

    def check_converged(self, orders: Iterable[Order], read_open: Iterable[Order]) -> None:
        """Compare what the venue holds and what a read says with what was reported, once nothing is under way.

        Args:
            orders: every order that the venue holds.
            read_open: what a read of the open orders returns.

        Raises:
            IllegalVenue: I11 they differ.
        """
        reported = {order.id for order in self._last.values() if not order.status.final}
        read = {order.id for order in read_open}
        if read != reported:
            raise _illegal("I11", f"a read says {sorted(read)} are open, the reports say {sorted(reported)}")
        for order in orders:
            last = self._last.get(order.id)
            if last is None or (last.filled, last.status.final) != (order.filled, order.status.final):
                raise _illegal("I11", f"{order.id} is {order.status} with {order.filled}, and was not reported so")

    def _check_filters(self, order: Order) -> None:
        market = self._markets[order.symbol]
        try:
            market.check_quantity(order.request.quantity)
            if order.request.price is not None:
                market.check_price(order.request.price)
                if not order.request.reduce_only:
                    market.check_notional(order.request.price, order.request.quantity)
        except Rejected as broken:
            raise _illegal("I7", f"{order.id} was accepted although {broken.message}") from broken

    def _check_progress(self, order: Order, exec_type: ExecType) -> None:
        before = self._last.get(order.id)
        if before is not None and before.status.final:
            raise _illegal("I3", f"{order.id} is {before.status} and reports {exec_type}")
        least = _ZERO if before is None else before.filled
        if not least <= order.filled <= order.request.quantity:
            raise _illegal("I3", f"{order.id} has filled {order.filled} of {order.request.quantity}, after {least}")
        if (order.status is OrderStatus.FILLED) != (order.filled == order.request.quantity):
            raise _illegal("I3", f"{order.id} is {order.status} with {order.filled} of {order.request.quantity}")

    def _check_trade(self, order: Order, trade: Trade) -> None:
        if trade.id in self._trade_ids:
            raise _illegal("I4", f"trade {trade.id} happens twice")
        limit = order.request.price
        if limit is not None and (trade.price - limit) * trade.side.sign > 0:
            raise _illegal("I3", f"{trade.id} at {trade.price} is worse than the limit {limit}")
        if order.request.post_only and not trade.maker:
            raise _illegal("I7", f"{trade.id} of a post-only order takes liquidity")
        self._trade_ids.add(trade.id)
        self._filled[order.id] = self._filled.get(order.id, _ZERO) + trade.quantity
        self._cost[order.id] = self._cost.get(order.id, _ZERO) + trade.quantity * trade.price

    def _check_sums(self, order: Order) -> None:
        filled, cost = self._filled.get(order.id, _ZERO), self._cost.get(order.id, _ZERO)
        if order.filled != filled or order.cost != cost:
            raise _illegal(
                "I4", f"{order.id} says {order.filled} for {order.cost}, its trades add up to {filled} for {cost}"
            )
