"""The exchange as this package uses it: a few unified ccxt.pro methods, and what their answers mean.

`ExchangeManager` turns ccxt dictionaries into values and ccxt errors into three cases: refused
(certainly not executed), missing (not known there) and unknown (perhaps executed).
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from ccxt.base.errors import BaseError, DuplicateOrderId, ExchangeError, NoChange, OrderNotFound

from simharness.managers.positions.errors import OrderMissing, OrderRefused, OutcomeUnknown
from simharness.managers.positions.state import (
    ZERO,
    OrderSide,
    PositionUpdate,
    decimal_or_none,
    int_or_none,
)

FINAL_STATUSES = frozenset({"closed", "canceled", "expired", "rejected"})
# Where ccxt's unified parameters are not enough (ccxt 4.5, seen on the requests that it sends).
NEED_TRIGGER_DIRECTION = frozenset({"bybit"})
CLIENT_ID_QUERY = {"bybit": "orderLinkId"}
# Trade id, quantity, price and fee: in Binance's ORDER_TRADE_UPDATE, and spelled out.
RAW_FILLS = (("t", "l", "L", "n"), ("tradeId", "lastQty", "lastPrice", "lastFee"))
Answer = TypeVar("Answer")


class ExchangeClient(Protocol):
    """The part of a `ccxt.pro` exchange that is used; any derivatives exchange of ccxt.pro satisfies it."""

    id: Any
    on_connected: Any
    """ccxt's hook for users: called with the client, which has a `url`, whenever a WebSocket has connected."""

    async def create_order(
        self,
        symbol: str,
        type: str,  # noqa: A002 — ccxt's name
        side: Any,
        amount: Any,
        price: Any = None,
        params: Any = ...,
    ) -> Any:
        """Place an order; `params`: triggerPrice, reduceOnly, clientOrderId."""

    async def cancel_order(self, id: Any, symbol: Any = None, params: Any = ...) -> Any:  # noqa: A002 — ccxt's name
        """Cancel an order."""

    async def fetch_order(self, id: Any, symbol: Any = None, params: Any = ...) -> Any:  # noqa: A002 — ccxt's name
        """Return one order, found by its id or by `params["clientOrderId"]`."""

    async def fetch_positions(self, symbols: Any = None, params: Any = ...) -> Any:
        """Return the open positions."""

    async def set_leverage(self, leverage: Any, symbol: Any = None, params: Any = ...) -> Any:
        """Set the leverage of a symbol."""

    async def fetch_ticker(self, symbol: str, params: Any = ...) -> Any:
        """Return the prices of a symbol."""

    async def watch_orders(self, symbol: Any = None, since: Any = None, limit: Any = None, params: Any = ...) -> Any:
        """Wait for the next order updates."""

    async def watch_positions(
        self, symbols: Any = None, since: Any = None, limit: Any = None, params: Any = ...
    ) -> Any:
        """Wait for the next position updates."""


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an order: contracts, price and fee in the quote currency."""

    trade_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal

    @classmethod
    def from_ccxt(cls, trade: Mapping[str, Any]) -> Fill:
        """Read a unified ccxt trade."""
        fee = trade.get("fee") or {}
        return cls(
            trade_id=str(trade["id"]),
            quantity=Decimal(str(trade["amount"])),
            price=Decimal(str(trade["price"])),
            fee=decimal_or_none(fee.get("cost")) or ZERO,
        )


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What an answer or an event says about an order; `None` means not said.

    `since_ms` and `time_ms` are the exchange's earliest and latest time for it.
    """

    symbol: str
    exchange_id: str | None = None
    client_id: str | None = None
    status: str | None = None
    filled: Decimal | None = None
    average_price: Decimal | None = None
    since_ms: int | None = None
    time_ms: int | None = None
    fills: tuple[Fill, ...] = ()

    @classmethod
    def from_ccxt(cls, order: Mapping[str, Any], symbol: str | None = None) -> OrderReport:
        """Read a unified ccxt order; `symbol` stands in where a sparse answer has none."""
        fills = {fill.trade_id: fill for fill in map(Fill.from_ccxt, order.get("trades") or ())}
        for fill in _raw_fill(order.get("info")):
            fills.setdefault(fill.trade_id, fill)
        exchange_id = order.get("id")
        return cls(
            symbol=str(order.get("symbol") or symbol or ""),
            exchange_id=None if exchange_id is None else str(exchange_id),
            client_id=order.get("clientOrderId"),
            status=order.get("status"),
            filled=decimal_or_none(order.get("filled")),
            average_price=decimal_or_none(order.get("average")),
            since_ms=int_or_none(order.get("timestamp")),
            time_ms=int_or_none(order.get("lastTradeTimestamp") or order.get("timestamp")),
            fills=tuple(fills.values()),
        )

    @property
    def is_final(self) -> bool:
        """Whether the order can no longer change."""
        return self.status in FINAL_STATUSES

    @property
    def filled_or_zero(self) -> Decimal:
        """The executed quantity as far as it was reported."""
        return ZERO if self.filled is None else self.filled

    @property
    def only_works(self) -> bool:
        """Whether the report says no more than that the order works."""
        return self.status == "open" and not self.filled_or_zero

    @property
    def reported(self) -> Decimal:
        """How much the executions add up to that were reported one by one."""
        return sum((fill.quantity for fill in self.fills), ZERO)

    @property
    def lasting(self) -> tuple[object, ...]:
        """What the database keeps of a report; two reports that agree in it need no second write."""
        return (self.status, self.exchange_id, self.filled, self.average_price, self.fills)

    def merged_with(self, later: OrderReport) -> OrderReport:
        """Return both reports as one: executions only grow, a final status stays, silence changes nothing."""
        fills = {fill.trade_id: fill for fill in (*self.fills, *later.fills)}
        ahead = self.filled is not None and (later.filled is None or later.filled < self.filled)
        return OrderReport(
            symbol=self.symbol,
            exchange_id=self.exchange_id or later.exchange_id,
            client_id=self.client_id or later.client_id,
            status=self.status if self.is_final else later.status or self.status,
            filled=self.filled if ahead else later.filled,
            average_price=self.average_price if ahead else later.average_price or self.average_price,
            since_ms=min((t for t in (self.since_ms, later.since_ms) if t is not None), default=None),
            time_ms=max((t for t in (self.time_ms, later.time_ms) if t is not None), default=None),
            fills=tuple(fills.values()),
        )


def _raw_fill(info: Any) -> tuple[Fill, ...]:
    """Return the one execution that an order event reports, which ccxt leaves in `info`."""
    if not isinstance(info, Mapping):
        return ()
    for trade_id, quantity, price, fee in RAW_FILLS:
        if info.get(trade_id) and info.get(quantity):
            return (
                Fill(
                    str(info[trade_id]),
                    Decimal(str(info[quantity])),
                    Decimal(str(info[price])),
                    decimal_or_none(info.get(fee)) or ZERO,
                ),
            )
    return ()


class ExchangeManager:
    """Thin layer over a `ccxt.pro` client."""

    def __init__(self, client: ExchangeClient) -> None:
        self.client = client

    @property
    def name(self) -> str:
        """The exchange's ccxt id."""
        return str(self.client.id)

    async def market_order(
        self, symbol: str, side: OrderSide, quantity: Decimal, *, reduce_only: bool, client_id: str | None
    ) -> OrderReport:
        """Send a market order for `quantity` contracts."""
        return await self._create(symbol, side, quantity, _params(reduce_only=reduce_only, client_id=client_id))

    async def stop_order(
        self, symbol: str, side: OrderSide, quantity: Decimal, trigger_price: Decimal, *, client_id: str | None
    ) -> OrderReport:
        """Send a reduce-only market order that waits for `trigger_price`."""
        params = _params(reduce_only=True, client_id=client_id)
        # Text, because ccxt overlooks a Decimal among the parameters, and would send an immediate market order.
        params["triggerPrice"] = format(trigger_price, "f")
        if self.name in NEED_TRIGGER_DIRECTION:
            params["triggerDirection"] = "descending" if side == "sell" else "ascending"
        return await self._create(symbol, side, quantity, params)

    async def _create(self, symbol: str, side: OrderSide, quantity: Decimal, params: dict[str, Any]) -> OrderReport:
        answer = await _judged(self.client.create_order(symbol, "market", side, quantity, None, params))
        return OrderReport.from_ccxt(answer, symbol)

    async def cancel_order(self, symbol: str, exchange_id: str, *, conditional: bool) -> None:
        """Cancel a working order; raise `OrderMissing` if it is not working (any more)."""
        await _judged(self.client.cancel_order(exchange_id, symbol, {"trigger": True} if conditional else {}))

    async def fetch_order(
        self, symbol: str, *, exchange_id: str | None = None, client_id: str | None = None, conditional: bool = False
    ) -> OrderReport:
        """Return an order by the exchange's id or else by ours; raise `OrderMissing` if it is not known there."""
        params: dict[str, Any] = {"trigger": True} if conditional else {}
        if exchange_id is None:
            key = CLIENT_ID_QUERY.get(self.name)
            params[key or "clientOrderId"] = client_id
            exchange_id = None if key is None else ""  # ccxt's Bybit would send the id "None".
        answer = await _judged(self.client.fetch_order(exchange_id, symbol, params))
        return OrderReport.from_ccxt(answer, symbol)

    async def fetch_fills(self, symbol: str, exchange_id: str) -> tuple[Fill, ...]:
        """Return the executions of an order, or none if the exchange does not list them."""
        fetch = getattr(self.client, "fetch_my_trades", None)
        if fetch is None:
            return ()
        trades = await _judged(fetch(symbol, None, None, {"orderId": exchange_id}))
        return tuple(Fill.from_ccxt(trade) for trade in trades if str(trade.get("order")) == exchange_id)

    async def fetch_positions(self, symbols: Sequence[str] | None = None) -> list[PositionUpdate]:
        """Return the reported positions in order of their symbols; a symbol that is absent may still have one."""
        reports = await _judged(self.client.fetch_positions(None if symbols is None else list(symbols)))
        return sorted(map(PositionUpdate.from_ccxt, reports), key=lambda update: update.symbol)

    async def fetch_mark_price(self, symbol: str) -> Decimal | None:
        """Return the mark price, or else the last trade's price, or `None` if neither is reported."""
        ticker = await _judged(self.client.fetch_ticker(symbol))
        mark = decimal_or_none(ticker.get("markPrice"))
        return decimal_or_none(ticker.get("last")) if mark is None else mark

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        """Set the leverage of `symbol`; that it already has this value is no error."""
        try:
            await _judged(self.client.set_leverage(leverage, symbol))
        except OrderRefused as error:
            # ccxt has a class for this, and Bybit an answer that ccxt maps to BadRequest.
            if not isinstance(error.__cause__, NoChange) and "not modified" not in str(error):
                raise


def _params(*, reduce_only: bool, client_id: str | None) -> dict[str, Any]:
    params: dict[str, Any] = {"reduceOnly": True} if reduce_only else {}
    if client_id is not None:
        params["clientOrderId"] = client_id
    return params


async def _judged(call: Awaitable[Answer]) -> Answer:
    """Await a request and sort its failure into refused, missing or unknown."""
    try:
        return await call
    except OrderNotFound as error:
        raise OrderMissing(str(error)) from error
    except DuplicateOrderId as error:
        # An order with our id is there: an earlier request was executed after all.
        raise OutcomeUnknown(str(error)) from error
    except ExchangeError as error:
        # The bare class is what ccxt makes of answers it cannot map, "Unknown error" among them.
        if type(error) is ExchangeError:
            raise OutcomeUnknown(str(error)) from error
        raise OrderRefused(f"{type(error).__name__}: {error}") from error
    except (BaseError, OSError, TimeoutError) as error:
        raise OutcomeUnknown(f"{type(error).__name__}: {error}") from error
