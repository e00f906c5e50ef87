"""How this venue behaves where venues differ, and the checks that a new order must pass."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from simharness.venue.funds import check_funds
from simharness.venue.market import Market
from simharness.venue.order import OrderRequest, OrderType, PositionSide, Side, TimeInForce
from simharness.venue.refusal import Refusal, Rejected
from simharness.venue.store import Store


@dataclass(frozen=True, slots=True)
class Rules:
    """How this venue behaves where venues differ.

    Args:
        finite: whether orders need funds; without it nobody asks what the account holds, and orders of different
            symbols stay independent.
        hedge: whether a symbol has a long and a short position instead of one.
        market_fills: ways in which a market order may execute, as fractions: ``1`` at once, ``1/2+1/2`` in two
            executions, ``later`` not on arrival but at any later moment. More than one way is a choice.
        mark_updates: whether a move of the price is told to the position stream while a position is open.
        timestamps: stamp orders with the time. Without it everything carries the epoch, and the venue's steps do not
            depend on timers.
        epoch_ns: venue time at the start of the execution, since 1970.
    """

    finite: bool = False
    hedge: bool = False
    market_fills: tuple[str, ...] = ("1",)
    mark_updates: bool = False
    timestamps: bool = True
    epoch_ns: int = 1_767_225_600_000_000_000

    @property
    def sides(self) -> tuple[PositionSide, ...]:
        """The positions that a symbol has."""
        return (PositionSide.LONG, PositionSide.SHORT) if self.hedge else (PositionSide.BOTH,)


def check(store: Store, rules: Rules, market: Market, request: OrderRequest) -> None:
    """Refuse an order that the venue does not take.

    Raises:
        Rejected: it breaks a filter, does not fit the market, or cannot be paid for.
    """
    market.check_quantity(request.quantity)
    if (request.price is None) != (request.type is not OrderType.LIMIT):
        raise Rejected(Refusal.INVALID_ORDER, f"a {request.type} order and price {request.price} do not fit")
    price = store.price(market.symbol) if _needs_price(request) else None
    if request.price is not None:
        market.check_price(request.price)
    if not request.reduce_only and (worth := request.price or request.trigger_price or price) is not None:
        market.check_notional(worth, request.quantity)
    _check_side(store, rules, market, request)
    _check_price(market, request, price)
    if request.client_id is not None:
        known = store.order_of_client(market.symbol, request.client_id)
        if known is not None and known.open:
            raise Rejected(Refusal.DUPLICATE_CLIENT_ID, f"client id {request.client_id} belongs to {known.id}")
    if rules.finite and not request.reduce_only and not closes(request):
        check_funds(store, market, request)


def _needs_price(request: OrderRequest) -> bool:
    immediate = request.time_in_force is not TimeInForce.GTC
    return request.type is not OrderType.LIMIT or request.post_only or immediate


def _check_side(store: Store, rules: Rules, market: Market, request: OrderRequest) -> None:
    """Refuse what does not fit the position mode, and what should reduce and would not."""
    side = request.position_side
    if not market.derivative:
        if request.reduce_only or side is not PositionSide.BOTH:
            raise Rejected(Refusal.INVALID_ORDER, f"{market.symbol} has no positions")
        return
    if side not in rules.sides:
        raise Rejected(Refusal.INVALID_ORDER, f"position side {side} does not fit the position mode")
    # A conditional order may be placed before there is anything to reduce; it finds out when it triggers.
    if (request.reduce_only or closes(request)) and not request.type.conditional:
        held = store.position(market.symbol, side)
        if not held.reducible(request.side):
            raise Rejected(Refusal.NOT_REDUCING, f"nothing to reduce in {market.symbol}")


def _check_price(market: Market, request: OrderRequest, price: Decimal | None) -> None:
    """Refuse what does not fit the market's present price."""
    if request.type is OrderType.MARKET and price is None:
        raise Rejected(Refusal.INVALID_ORDER, f"no price for a market order in {market.symbol}")
    if request.post_only and request.price is not None and price is not None and takes(request, price):
        raise Rejected(Refusal.WOULD_TAKE, f"a post-only order at {request.price} would trade at {price}")
    if not request.type.conditional:
        return
    if request.trigger_price is None:
        raise Rejected(Refusal.INVALID_ORDER, f"a {request.type} order needs a trigger price")
    market.check_price(request.trigger_price)
    if price is not None and triggers(request, price):
        raise Rejected(Refusal.WOULD_TRIGGER, f"{request.trigger_price} would trigger at once at {price}")


def closes(request: OrderRequest) -> bool:
    """Return whether an order closes a hedge-mode position, which never turns round."""
    if request.position_side is PositionSide.BOTH:
        return False
    return (request.position_side is PositionSide.LONG) is (request.side is Side.SELL)


def takes(request: OrderRequest, price: Decimal) -> bool:
    """Return whether a limit order would trade at the market's ``price`` on arrival."""
    return request.price is not None and (request.price - price) * request.side.sign >= 0


def triggers(request: OrderRequest, price: Decimal) -> bool:
    """Return whether the market's ``price`` triggers a conditional order."""
    assert request.trigger_price is not None
    upwards = (request.side is Side.BUY) is (request.type is OrderType.STOP_MARKET)
    return price >= request.trigger_price if upwards else price <= request.trigger_price
