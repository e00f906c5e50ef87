"""The matching engine: accepts, fills, cancels, triggers. It emits events and never sends them.

The market is scripted: a limit order rests until a scenario's fill reaches it, and a market order trades at the price
that the scenario set. Whatever is not determined (into how many executions a market order splits) is a choice point.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from simharness.core.agenda import Agenda
from simharness.core.choice import ChoicePoint
from simharness.core.footprint import CLOCK, recorder
from simharness.core.step import Operation
from simharness.venue.event import BalanceUpdate, ExecType, ExecutionReport, PositionUpdate, Topic, VenueEvent
from simharness.venue.ledger import EntryKind
from simharness.venue.market import Market
from simharness.venue.order import (
    Order,
    OrderEvent,
    OrderRequest,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    TimeInForce,
    Trade,
    advance,
)
from simharness.venue.refusal import Refusal, Rejected
from simharness.venue.rules import Rules, check, closes, takes, triggers
from simharness.venue.store import Store

_ZERO = Decimal(0)


class MatchingEngine:
    """Changes the store and says so.

    Args:
        agenda: for the clock and the chooser.
        store: the state.
        rules: see :class:`Rules`.
        emit: takes every event, in order.
        listened: tells whether anyone listens to a topic, so that what nobody sees is not read.
        later: called with a market order that executes at some later moment.
    """

    def __init__(
        self,
        agenda: Agenda,
        store: Store,
        rules: Rules,
        *,
        emit: Callable[[Topic, VenueEvent], None],
        listened: Callable[[Topic], bool],
        later: Callable[[Order], None],
    ) -> None:
        self._agenda = agenda
        self._store = store
        self._rules = rules
        self._emit = emit
        self._listened = listened
        self._later = later

    def time_ns(self) -> int:
        """Return the venue's time since 1970; reads the clock."""
        if not self._rules.timestamps:
            return self._rules.epoch_ns
        recorder.read(CLOCK)
        return self._rules.epoch_ns + self._agenda.clock.now_ns

    # Commands

    def submit(self, request: OrderRequest) -> Order:
        """Accept an order, and execute what executes on arrival.

        Returns:
            The order as it stands afterwards.

        Raises:
            Rejected: it breaks a rule; nothing happened.
        """
        market = self._store.market(request.symbol)
        check(self._store, self._rules, market, request)
        now = self.time_ns()
        order = Order(self._store.next_order_id(request.symbol), request, created_ns=now)
        if request.type.conditional:
            order = self._advance(order, OrderEvent.ARM)
            self._note(f"venue accepts {_describe(order)}", order)
            self._report(order, ExecType.NEW)
            return order
        order = self._advance(order, OrderEvent.ACCEPT)
        self._note(f"venue accepts {_describe(order)}", order)
        self._report(order, ExecType.NEW)
        if request.type is OrderType.MARKET:
            return self._execute_market(order)
        if request.time_in_force is not TimeInForce.GTC:
            return self._execute_immediate(order)
        return order

    def cancel(self, order_id: str, *, reason: str = "") -> Order:
        """Cancel an open order.

        Args:
            order_id: which one.
            reason: why, if it is not the client who asks.

        Raises:
            Rejected: there is no such order, or it is final.
        """
        order = self._store.order(order_id)
        if order is None or not order.open:
            state = "does not exist" if order is None else f"is {order.status}"
            raise Rejected(Refusal.ORDER_NOT_FOUND, f"order {order_id} {state}")
        order = self._advance(order, OrderEvent.CANCEL, reason=reason)
        self._note(f"venue cancels {order.id}", order)
        self._report(order, ExecType.CANCELED)
        return order

    def expire(self, order_id: str, *, reason: str) -> Order | None:
        """End an open order on the venue's own account; None if it is not open any more."""
        order = self._store.order(order_id)
        if order is None or not order.open:
            return None
        return self._expire(order, reason)

    def fill(self, order_id: str, quantity: Decimal, price: Decimal | None = None) -> Trade | None:
        """Execute an order in part or in whole.

        Args:
            order_id: which one.
            quantity: base units; more than what remains means all that remains.
            price: of the execution; by default the limit price, or the market's price.

        Returns:
            The trade; None if the order cannot fill (any more).
        """
        order = self._store.order(order_id)
        if order is None or not order.working:
            return None
        if price is None:
            price = order.request.price or self._store.price(order.symbol)
        if price is None:
            return None
        limit = order.request.price
        if limit is not None and (price - limit) * order.request.side.sign > 0:
            raise Rejected(Refusal.BAD_REQUEST, f"a fill at {price} is worse than the limit {limit} of {order.id}")
        return self._trade(order, min(quantity, order.remaining), price, maker=limit is not None)

    def move_price(self, symbol: str, price: Decimal) -> None:
        """Move the market's price and trigger the conditional orders that it reaches."""
        market = self._store.market(symbol)
        market.check_price(price)
        self._store.set_price(symbol, price)
        recorder.note(lambda: Operation("venue", f"price of {symbol} is {price}", subject=symbol))
        for order in self._store.stops(symbol):
            if order.status is OrderStatus.UNTRIGGERED and triggers(order.request, price):
                triggered = self._advance(order, OrderEvent.TRIGGER)
                self._note(f"venue triggers {order.id} at {price}", triggered)
                self._execute_market(triggered)

        if self._rules.mark_updates and market.derivative:
            for side in self.sides:
                if self._store.position(symbol, side).quantity:
                    self.announce_position(symbol, side)

    def announce_position(self, symbol: str, side: PositionSide) -> None:
        """Say on the stream where a position stands, as some venues do when nothing changed."""
        self._store.put_position(self._store.position(symbol, side).announced())
        self._report_position(symbol, side)

    def liquidate(self, symbol: str, side: PositionSide) -> Order | None:
        """Close a position on the venue's own account; None if there is nothing to close, or no price."""
        held = self._store.position(symbol, side)
        if not held.quantity or self._store.price(symbol) is None:
            return None
        closing = Side.SELL if held.quantity > 0 else Side.BUY
        recorder.note(lambda: Operation("venue", f"venue liquidates {symbol}", subject=symbol))
        return self.submit(
            OrderRequest(symbol, closing, OrderType.MARKET, abs(held.quantity), reduce_only=True, position_side=side)
        )

    def fund(self, symbol: str, rate: Decimal, occasion: str) -> None:
        """Book one funding payment: longs pay ``rate`` times notional to shorts.

        Args:
            symbol: a derivative.
            rate: per notional; negative rates are paid by shorts.
            occasion: name of this payment, once per symbol.
        """
        market, price = self._store.market(symbol), self._store.price(symbol)
        if price is None:
            return
        for side in self.sides:
            quantity = self._store.position(symbol, side).quantity
            payment = -quantity * price * rate
            if payment:
                self._book(EntryKind.FUNDING, market.settle, payment, f"funding {symbol} {side} {occasion}")
        recorder.note(lambda: Operation("venue", f"funding of {symbol} at {rate}", subject=symbol))

    @property
    def sides(self) -> tuple[PositionSide, ...]:
        """The positions that a symbol has."""
        return self._rules.sides

    # Executions

    def _execute_market(self, order: Order) -> Order:
        """Execute a market order in one of the ways that the rules allow."""
        ways = self._rules.market_fills
        way = ways[self._agenda.chooser.choose(ChoicePoint(f"fills of {order.id}", ways))] if len(ways) > 1 else ways[0]
        if way == "later":
            self._later(order)
            return order
        price = self._store.price(order.symbol)
        if price is None:
            return self._expire(order, "no price")
        for quantity in split(order.remaining, way, self._store.market(order.symbol).step):
            if order.working:
                self._trade(order, quantity, price, maker=False)
                order = self._present(order)
        return order

    def _execute_immediate(self, order: Order) -> Order:
        """Execute an order that must not rest: at the market's price if that is good enough, or not at all."""
        price = self._store.price(order.symbol)
        if price is not None and takes(order.request, price):
            self._trade(order, order.remaining, price, maker=False)
            order = self._present(order)
        return self._expire(order, "not fillable at once") if order.working else order

    def _trade(self, order: Order, quantity: Decimal, price: Decimal, *, maker: bool) -> Trade | None:
        market = self._store.market(order.symbol)
        closing_only = order.request.reduce_only or closes(order.request)
        if closing_only:
            held = self._store.position(order.symbol, order.request.position_side)
            quantity = min(quantity, held.reducible(order.request.side))
            if not quantity:
                self._expire(order, "nothing left to reduce")
                return None
        rate = market.maker_rate if maker else market.taker_rate
        trade = Trade(
            id=f"{order.id}-t{len(order.trades) + 1}",
            order_id=order.id,
            symbol=order.symbol,
            side=order.request.side,
            price=price,
            quantity=quantity,
            fee=price * quantity * rate,
            maker=maker,
            time_ns=self.time_ns(),
        )
        whole = quantity == order.remaining
        order = self._advance(order, OrderEvent.FILL_REST if whole else OrderEvent.FILL_PART, trade=trade)
        self._note(f"venue fills {order.id}: {quantity} at {price}, {order.remaining} left", order)
        self._report(order, ExecType.TRADE, trade)
        self._settle(market, order, trade)
        if closing_only and order.working:
            left = self._store.position(order.symbol, order.request.position_side)
            if not left.reducible(order.request.side):
                self._expire(order, "nothing left to reduce")
        return trade

    def _settle(self, market: Market, order: Order, trade: Trade) -> None:
        """Book an execution: balances for spot, the position for derivatives."""
        if market.derivative:
            side = order.request.position_side
            held = self._store.position(market.symbol, side)
            changed = held.traded(trade.side, trade.quantity, trade.price)
            self._store.put_position(changed)
            self._book(EntryKind.PROFIT, market.settle, changed.realized - held.realized, trade.id)
            self._report_position(market.symbol, side)
        else:
            sign = trade.side.sign
            self._book(EntryKind.TRADE, market.base, sign * trade.quantity, trade.id)
            self._book(EntryKind.TRADE, market.quote, -sign * trade.quantity * trade.price, trade.id)
        self._book(EntryKind.FEE, market.settle, -trade.fee, trade.id)

    # Plumbing

    def _present(self, order: Order) -> Order:
        present = self._store.order(order.id)
        assert present is not None
        return present

    def _advance(self, order: Order, event: OrderEvent, *, trade: Trade | None = None, reason: str = "") -> Order:
        changed = advance(order, event, time_ns=self.time_ns(), trade=trade, reason=reason)
        self._store.put_order(changed)
        return changed

    def _expire(self, order: Order, reason: str) -> Order:
        order = self._advance(order, OrderEvent.EXPIRE, reason=reason)
        self._note(f"venue expires {order.id}: {reason}", order)
        self._report(order, ExecType.EXPIRED)
        return order

    def _book(self, kind: EntryKind, asset: str, amount: Decimal, cause: str) -> None:
        self._store.book(kind, asset, amount, cause)
        if amount and self._listened(Topic.BALANCE):
            self._emit(Topic.BALANCE, BalanceUpdate(asset, self._store.balance(asset), self.time_ns()))

    def _report(self, order: Order, exec_type: ExecType, trade: Trade | None = None) -> None:
        self._emit(Topic.ORDERS, ExecutionReport(order, exec_type, trade))

    def _report_position(self, symbol: str, side: PositionSide) -> None:
        if self._listened(Topic.POSITIONS):
            self._emit(Topic.POSITIONS, self.position_update(symbol, side))

    def position_update(self, symbol: str, side: PositionSide, *, before: bool = False) -> PositionUpdate:
        """Return what the position stream would say now, or would have said ``before`` the latest change."""
        position = (self._store.position_before if before else self._store.position)(symbol, side)
        return PositionUpdate(
            symbol=symbol,
            side=side,
            quantity=position.quantity,
            entry_price=position.entry_price,
            realized=position.realized,
            mark_price=self._store.price(symbol),
            leverage=self._store.leverage(symbol),
            sequence=position.version,
            time_ns=self.time_ns(),
        )

    @staticmethod
    def _note(text: str, order: Order) -> None:
        recorder.note(
            lambda: Operation(
                "venue", text, effect="commit", subject=order.id, committed={"status": order.status.value}
            )
        )


def split(quantity: Decimal, way: str, step: Decimal) -> list[Decimal]:
    """Return the parts of ``quantity`` that ``way`` names, such as ``1/2+1/4+1/4``; what rounding leaves goes last.

    Raises:
        ValueError: the fractions do not add up to 1.
    """
    fractions = [Fraction(part) for part in way.split("+")]
    if sum(fractions) != 1 or min(fractions) <= 0:
        raise ValueError(f"not a split into positive parts of 1: {way!r}")
    parts = [share_of(quantity, fraction, step) for fraction in fractions[:-1]]
    return [part for part in (*parts, quantity - sum(parts, _ZERO)) if part]


def share_of(quantity: Decimal, fraction: Fraction, step: Decimal) -> Decimal:
    """Return a fraction of ``quantity``, rounded down to a multiple of ``step``."""
    share = quantity * fraction.numerator / fraction.denominator
    return share - share % step


def _describe(order: Order) -> str:
    request = order.request
    at = request.price if request.price is not None else request.trigger_price
    price = "" if at is None else f" at {at}"
    return f"{order.id}: {request.side} {request.quantity} {request.symbol}{price}"
