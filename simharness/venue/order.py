"""Orders: what was asked for, the state machine as one table, and the trades that fill them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from simharness.errors import IllegalVenue

_ZERO = Decimal(0)


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """1 for a buy, -1 for a sale."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """How an order is priced."""

    LIMIT = "limit"
    MARKET = "market"
    STOP_MARKET = "stop_market"  # rests untriggered, then is a market order
    TAKE_PROFIT_MARKET = "take_profit_market"  # the same in the other direction

    @property
    def conditional(self) -> bool:
        """Whether the order waits for a trigger price."""
        return self in (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET)


class TimeInForce(StrEnum):
    """How long an order lives."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class PositionSide(StrEnum):
    """Which position an order belongs to; ``BOTH`` in one-way mode."""

    BOTH = "both"
    LONG = "long"
    SHORT = "short"


class OrderStatus(StrEnum):
    """The states of an order."""

    SUBMITTED = "submitted"
    UNTRIGGERED = "untriggered"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def final(self) -> bool:
        """Whether nothing can happen to the order any more."""
        return self in _FINAL


class OrderEvent(StrEnum):
    """What can happen to an order."""

    ACCEPT = "accept"
    ARM = "arm"
    TRIGGER = "trigger"
    FILL_PART = "fill part"
    FILL_REST = "fill rest"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REJECT = "reject"


_FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED})

TRANSITIONS: dict[tuple[OrderStatus, OrderEvent], OrderStatus] = {
    (OrderStatus.SUBMITTED, OrderEvent.ACCEPT): OrderStatus.NEW,
    (OrderStatus.SUBMITTED, OrderEvent.ARM): OrderStatus.UNTRIGGERED,
    (OrderStatus.SUBMITTED, OrderEvent.REJECT): OrderStatus.REJECTED,
    (OrderStatus.UNTRIGGERED, OrderEvent.TRIGGER): OrderStatus.NEW,
    (OrderStatus.UNTRIGGERED, OrderEvent.CANCEL): OrderStatus.CANCELED,
    (OrderStatus.UNTRIGGERED, OrderEvent.EXPIRE): OrderStatus.EXPIRED,
    (OrderStatus.NEW, OrderEvent.FILL_PART): OrderStatus.PARTIALLY_FILLED,
    (OrderStatus.NEW, OrderEvent.FILL_REST): OrderStatus.FILLED,
    (OrderStatus.NEW, OrderEvent.CANCEL): OrderStatus.CANCELED,
    (OrderStatus.NEW, OrderEvent.EXPIRE): OrderStatus.EXPIRED,
    (OrderStatus.PARTIALLY_FILLED, OrderEvent.FILL_PART): OrderStatus.PARTIALLY_FILLED,
    (OrderStatus.PARTIALLY_FILLED, OrderEvent.FILL_REST): OrderStatus.FILLED,
    (OrderStatus.PARTIALLY_FILLED, OrderEvent.CANCEL): OrderStatus.CANCELED,
    (OrderStatus.PARTIALLY_FILLED, OrderEvent.EXPIRE): OrderStatus.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as the client asks for it.

    Args:
        symbol: the market.
        side: buy or sell.
        type: how it is priced.
        quantity: base units.
        price: limit price in quote units; None for market orders.
        client_id: the client's own name of the order; at most one open order has it.
        trigger_price: for conditional orders, the mark price that triggers them.
        time_in_force: how long it lives.
        post_only: refuse it rather than let it take liquidity.
        reduce_only: it may only shrink a position.
        position_side: ``BOTH`` in one-way mode; which position it belongs to in hedge mode.
    """

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    client_id: str | None = None
    trigger_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    position_side: PositionSide = PositionSide.BOTH


@dataclass(frozen=True, slots=True)
class Order:
    """One version of an order; every change makes a new one.

    Args:
        id: the venue's name of it, the same in every execution that reaches its creation.
        request: what was asked for.
        status: where it stands.
        filled: executed quantity.
        cost: sum of price times quantity over its trades.
        fee: sum of the fees of its trades, in the settlement asset.
        version: how-manyeth version, from 1.
        created_ns: venue time of its creation, since the epoch.
        updated_ns: venue time of this version.
        trades: the executions so far, in order.
        reason: why it ended, if the venue ended it.
    """

    id: str
    request: OrderRequest
    status: OrderStatus = OrderStatus.SUBMITTED
    filled: Decimal = _ZERO
    cost: Decimal = _ZERO
    fee: Decimal = _ZERO
    version: int = 0
    created_ns: int = 0
    updated_ns: int = 0
    trades: tuple[Trade, ...] = ()
    reason: str = ""

    @property
    def symbol(self) -> str:
        """The market."""
        return self.request.symbol

    @property
    def remaining(self) -> Decimal:
        """What is still to be executed."""
        return self.request.quantity - self.filled

    @property
    def open(self) -> bool:
        """Whether it is accepted and not final."""
        return not self.status.final and self.status is not OrderStatus.SUBMITTED

    @property
    def working(self) -> bool:
        """Whether it can fill now: open and, if conditional, triggered."""
        return self.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)

    @property
    def average(self) -> Decimal | None:
        """Mean price of its executions."""
        return self.cost / self.filled if self.filled else None


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution of an order.

    Args:
        id: unique at the venue, the same in every execution that reaches it.
        order_id: the order.
        symbol: the market.
        side: buy or sell.
        price: quote units.
        quantity: base units.
        fee: in the settlement asset.
        maker: whether the order rested.
        time_ns: venue time since the epoch.
    """

    id: str
    order_id: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    maker: bool
    time_ns: int


def advance(
    order: Order, event: OrderEvent, *, time_ns: int = 0, trade: Trade | None = None, reason: str = ""
) -> Order:
    """Return the next version of ``order``.

    Args:
        order: the present version.
        event: what happens.
        time_ns: venue time since the epoch.
        trade: the execution, for the two fill events.
        reason: why the venue ends it.

    Raises:
        IllegalVenue: the table has no such transition, or the trade does not fit the event.
    """
    status = TRANSITIONS.get((order.status, event))
    if status is None:
        raise IllegalVenue(f"order {order.id} is {order.status} and cannot {event}")
    if (trade is not None) != (event in (OrderEvent.FILL_PART, OrderEvent.FILL_REST)):
        raise IllegalVenue(f"order {order.id}: {event} and trade {trade} do not fit")
    changed = replace(order, status=status, version=order.version + 1, updated_ns=time_ns, reason=reason)
    if trade is None:
        return changed
    filled = order.filled + trade.quantity
    if (filled == order.request.quantity) != (event is OrderEvent.FILL_REST) or filled > order.request.quantity:
        raise IllegalVenue(f"order {order.id}: {event} leaves {order.request.quantity - filled} to fill")
    return replace(
        changed,
        filled=filled,
        cost=order.cost + trade.price * trade.quantity,
        fee=order.fee + trade.fee,
        trades=(*order.trades, trade),
    )
