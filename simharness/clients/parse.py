"""Between ccxt's arguments and the venue's requests, and between the venue's values and ccxt's raw structures."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import ccxt

from simharness.venue.event import ExecutionReport, PositionUpdate
from simharness.venue.gateway import Ticker
from simharness.venue.market import Market
from simharness.venue.order import Order, OrderRequest, OrderStatus, OrderType, PositionSide, Side, TimeInForce, Trade

_UNIFIED_STATUS = {
    OrderStatus.SUBMITTED: "open",
    OrderStatus.UNTRIGGERED: "open",
    OrderStatus.NEW: "open",
    OrderStatus.PARTIALLY_FILLED: "open",
    OrderStatus.FILLED: "closed",
    OrderStatus.CANCELED: "canceled",
    OrderStatus.EXPIRED: "expired",
    OrderStatus.REJECTED: "rejected",
}
_TYPES = {
    "limit": OrderType.LIMIT,
    "market": OrderType.MARKET,
    "stop_market": OrderType.STOP_MARKET,
    "stop": OrderType.STOP_MARKET,
    "take_profit_market": OrderType.TAKE_PROFIT_MARKET,
}
_STOP_KEYS = ("stopLossPrice", "triggerPrice", "stopPrice")
POSITION_NUMBERS = (
    "contracts",
    "contractSize",
    "entryPrice",
    "markPrice",
    "notional",
    "unrealizedPnl",
    "realizedPnl",
    "leverage",
)
_NS_PER_MS = 1_000_000


def decimal_of(value: object, what: str) -> Decimal:
    """Return an exact number from what a bot passes: the shortest text of a float, or a text, or a Decimal.

    Raises:
        ccxt.InvalidOrder: it is not a finite number.
    """
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ccxt.InvalidOrder(f"simexchange {what} {value!r} is not a number")
    return number


def client_id_of(params: Mapping[str, Any]) -> str | None:
    """Return the client order id among ccxt's params, under any of its usual names."""
    for key in ("clientOrderId", "newClientOrderId", "origClientOrderId", "orderLinkId"):
        if params.get(key) is not None:
            return str(params[key])
    return None


def order_request(
    *, symbol: str, type_: str, side: str, amount: object, price: object, params: Mapping[str, Any]
) -> OrderRequest:
    """Return the venue's request for the arguments of ``create_order``.

    Raises:
        ccxt.InvalidOrder: an argument means nothing.
        ccxt.NotSupported: a limit order with a trigger price.
    """
    order_type = _TYPES.get(type_.lower())
    if order_type is None:
        raise ccxt.InvalidOrder(f"simexchange has no order type {type_!r}")
    if side not in ("buy", "sell"):
        raise ccxt.InvalidOrder(f"simexchange has no side {side!r}")
    trigger = next((params[key] for key in _STOP_KEYS if params.get(key) is not None), None)
    profit = params.get("takeProfitPrice")
    if (trigger is not None or profit is not None) and order_type is OrderType.LIMIT:
        raise ccxt.NotSupported("simexchange has no conditional limit orders")
    if order_type is OrderType.MARKET and profit is not None:
        order_type, trigger = OrderType.TAKE_PROFIT_MARKET, profit
    elif order_type is OrderType.MARKET and trigger is not None:
        order_type = OrderType.STOP_MARKET
    time_in_force = str(params.get("timeInForce") or "GTC").upper()
    post_only = bool(params.get("postOnly")) or time_in_force in ("PO", "GTX")
    if time_in_force not in ("GTC", "IOC", "FOK", "PO", "GTX"):
        raise ccxt.InvalidOrder(f"simexchange has no time in force {time_in_force!r}")
    limited = order_type is OrderType.LIMIT and price is not None
    return OrderRequest(
        symbol=symbol,
        side=Side(side),
        type=order_type,
        quantity=decimal_of(amount, "amount"),
        price=decimal_of(price, "price") if limited else None,
        client_id=client_id_of(params),
        trigger_price=None if trigger is None else decimal_of(trigger, "trigger price"),
        time_in_force=TimeInForce.GTC if post_only else TimeInForce(time_in_force),
        post_only=post_only,
        reduce_only=bool(params.get("reduceOnly")),
        position_side=_position_side(params),
    )


def _position_side(params: Mapping[str, Any]) -> PositionSide:
    side = str(params.get("positionSide") or "both").lower()
    try:
        return PositionSide(side)
    except ValueError:
        raise ccxt.InvalidOrder(f"simexchange has no position side {side!r}") from None


def milliseconds(time_ns: int) -> int:
    """Return ccxt's unit of time."""
    return time_ns // _NS_PER_MS


def text_of(number: Decimal | None) -> str | None:
    """Return a number as ccxt's parsers want it: plain digits."""
    return None if number is None else f"{number:f}"


def raw_order(order: Order, report: ExecutionReport | None = None) -> dict[str, Any]:
    """Return what ``safe_order`` completes to a unified order.

    ``info`` carries what ccxt has no word for: the venue's status, and ``sequence``, which grows with every change
    of this order.
    """
    request = order.request
    info: dict[str, Any] = {"status": order.status.value.upper(), "sequence": order.version}
    if report is not None:
        info["executionType"] = report.exec_type.value
        if report.trade is not None:
            trade = report.trade
            info |= {"tradeId": trade.id, "lastQty": text_of(trade.quantity), "lastPrice": text_of(trade.price)}
    return {
        "id": order.id,
        "clientOrderId": request.client_id,
        "symbol": order.symbol,
        "type": "market" if request.type.conditional else request.type.value,
        "side": request.side.value,
        "price": text_of(request.price),
        "amount": text_of(request.quantity),
        "filled": text_of(order.filled),
        "remaining": text_of(order.remaining),
        "cost": text_of(order.cost),
        "average": text_of(order.average),
        "status": _UNIFIED_STATUS[order.status],
        "timestamp": milliseconds(order.created_ns),
        "lastUpdateTimestamp": milliseconds(order.updated_ns),
        "lastTradeTimestamp": milliseconds(order.trades[-1].time_ns) if order.trades else None,
        "timeInForce": request.time_in_force.value,
        "postOnly": request.post_only,
        "reduceOnly": request.reduce_only,
        "triggerPrice": text_of(request.trigger_price),
        "stopLossPrice": text_of(request.trigger_price) if request.type is OrderType.STOP_MARKET else None,
        "takeProfitPrice": text_of(request.trigger_price) if request.type is OrderType.TAKE_PROFIT_MARKET else None,
        "fees": [],
        "trades": [],
        "info": info,
    }


def raw_position(update: PositionUpdate) -> dict[str, Any]:
    """Return what ``safe_position`` completes to a unified position; ``info.sequence`` grows with every change."""
    quantity, mark = update.quantity, update.mark_price
    if update.side is PositionSide.BOTH:
        side = "long" if quantity > 0 else "short" if quantity < 0 else None
    else:
        side = update.side.value
    profit = None if mark is None else quantity * (mark - update.entry_price)
    notional = None if mark is None else abs(quantity) * mark
    return {
        "id": None,
        "symbol": update.symbol,
        "side": side,
        "contracts": text_of(abs(quantity)),
        "contractSize": "1",
        "entryPrice": text_of(update.entry_price),
        "markPrice": text_of(mark),
        "notional": text_of(notional),
        "unrealizedPnl": text_of(profit),
        "realizedPnl": text_of(update.realized),
        "leverage": str(update.leverage),
        "hedged": update.side is not PositionSide.BOTH,
        "marginMode": "cross",
        "timestamp": milliseconds(update.time_ns),
        "lastUpdateTimestamp": milliseconds(update.time_ns),
        "info": {
            "sequence": update.sequence,
            "positionAmt": text_of(quantity),
            "positionSide": update.side.value.upper(),
        },
    }


def raw_ticker(ticker: Ticker) -> dict[str, Any]:
    """Return what ``safe_ticker`` completes: the one price as last, bid, ask and mark."""
    price = text_of(ticker.price)
    return {
        "symbol": ticker.symbol,
        "timestamp": milliseconds(ticker.time_ns),
        **dict.fromkeys(("last", "bid", "ask", "markPrice"), price),
        "info": {},
    }


def raw_market(market: Market) -> dict[str, Any]:
    """Return what ``safe_market_structure`` completes to a unified market."""
    derivative = market.derivative
    return {
        "id": market.id,
        "symbol": market.symbol,
        "base": market.base,
        "quote": market.quote,
        "settle": market.settle if derivative else None,
        "baseId": market.base,
        "quoteId": market.quote,
        "settleId": market.settle if derivative else None,
        "type": "swap" if derivative else "spot",
        "spot": not derivative,
        "margin": False,
        "swap": derivative,
        "contract": derivative,
        "linear": True if derivative else None,
        "inverse": False if derivative else None,
        "contractSize": 1.0 if derivative else None,
        "active": True,
        "maker": float(market.maker_rate),
        "taker": float(market.taker_rate),
        "precision": {"price": float(market.tick), "amount": float(market.step)},
        "limits": {"amount": {"min": float(market.quantity_min)}, "cost": {"min": float(market.notional_min)}},
        "info": {},
    }


def raw_trade(trade: Trade) -> dict[str, object]:
    """Return an execution as ccxt's ``safe_trade`` takes it."""
    return {
        "id": trade.id,
        "order": trade.order_id,
        "symbol": trade.symbol,
        "side": str(trade.side),
        "price": text_of(trade.price),
        "amount": text_of(trade.quantity),
        "fee": {"cost": text_of(trade.fee), "currency": None},
        "timestamp": milliseconds(trade.time_ns),
        "takerOrMaker": "maker" if trade.maker else "taker",
        "info": {},
    }
