"""What the account can still spend. Only accounts with finite balances ask."""

from __future__ import annotations

from decimal import Decimal

from simharness.venue.market import Market
from simharness.venue.order import OrderRequest, PositionSide, Side
from simharness.venue.refusal import Refusal, Rejected
from simharness.venue.store import Store

_ZERO = Decimal(0)


def reserved(store: Store, asset: str) -> Decimal:
    """Return how much of ``asset`` open orders and positions hold back. Reads every order of the account."""
    total = _ZERO
    for symbol, market in sorted(store.markets.items()):
        orders = [order for order in store.orders(symbol) if order.open]
        total += sum((_reserve(store, market, order.request, order.remaining, asset) for order in orders), _ZERO)
        if market.derivative and market.settle == asset:
            margin = sum((abs(store.position(symbol, side).cost) for side in PositionSide), _ZERO)
            total += margin / store.leverage(symbol)
    return total


def check_funds(store: Store, market: Market, request: OrderRequest) -> None:
    """Refuse an order that the account cannot pay for.

    Raises:
        Rejected: it cannot.
    """
    spot_sale = request.side is Side.SELL and not market.derivative
    asset = market.base if spot_sale else market.settle
    needed = _reserve(store, market, request, request.quantity, asset)
    free = store.balance(asset) - reserved(store, asset)
    if needed > free:
        raise Rejected(Refusal.INSUFFICIENT_FUNDS, f"{needed} {asset} needed, {free} {asset} free")


def _reserve(store: Store, market: Market, request: OrderRequest, quantity: Decimal, asset: str) -> Decimal:
    """Return how much of ``asset`` an order holds back for ``quantity``."""
    if request.reduce_only:
        return _ZERO
    if not market.derivative and request.side is Side.SELL:
        return quantity if asset == market.base else _ZERO
    if asset != market.settle:
        return _ZERO
    price = request.price or request.trigger_price or store.price(market.symbol) or _ZERO
    fee = price * quantity * market.taker_rate
    if market.derivative:
        return price * quantity / store.leverage(market.symbol) + fee
    return price * quantity + fee
