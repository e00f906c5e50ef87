"""The venue's REST interface: each method returns the request that a client sends over its links.

Everything in here runs at the venue, in the step that executes the request; what a client does with the payload is
the client's affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from simharness.venue.engine import MatchingEngine
from simharness.venue.event import PositionUpdate
from simharness.venue.funds import reserved
from simharness.venue.links import Request
from simharness.venue.order import Order, OrderRequest, Trade
from simharness.venue.refusal import Refusal, Rejected
from simharness.venue.store import Store

LEVERAGE_MAX = 125


@dataclass(frozen=True, slots=True)
class OrderName:
    """How a client names an order in a request.

    Args:
        id: the venue's id; None to go by the client's.
        client_id: the client's id; needs the symbol.
        symbol: the market; with an id it must be the order's.
    """

    id: str | None
    client_id: str | None = None
    symbol: str | None = None

    def __str__(self) -> str:
        return self.id or self.client_id or "?"


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account has of one asset.

    Args:
        asset: which.
        total: all of it.
        used: the part that open orders and positions hold back; zero with unlimited credit.
    """

    asset: str
    total: Decimal
    used: Decimal


@dataclass(frozen=True, slots=True)
class Ticker:
    """The market's price; None if the scenario gives none. ``time_ns`` counts from the epoch."""

    symbol: str
    price: Decimal | None
    time_ns: int


class Gateway:
    """Makes requests.

    Args:
        engine: acts on commands.
        store: answers reads.
        finite: whether open orders hold funds back.
    """

    def __init__(self, engine: MatchingEngine, store: Store, *, finite: bool) -> None:
        self._engine = engine
        self._store = store
        self._finite = finite

    # Commands

    def create_order(self, order: OrderRequest) -> Request:
        """Place an order; the payload is the ``Order``."""
        at = order.price if order.price is not None else order.trigger_price
        text = f"create_order {order.type} {order.side} {order.quantity} {order.symbol}"
        return Request(
            "create_order",
            text if at is None else f"{text} at {at}",
            partial(self._engine.submit, order),
            traits=frozenset({"stop"} if order.type.conditional else ()),
        )

    def cancel_order(self, order: OrderName) -> Request:
        """Cancel an order; the payload is the ``Order``."""
        return Request("cancel_order", f"cancel_order {order}", partial(self._cancel, order))

    def set_leverage(self, symbol: str, leverage: int) -> Request:
        """Change a symbol's leverage; the payload is None."""
        return Request(
            "set_leverage", f"set_leverage {symbol} {leverage}", partial(self._set_leverage, symbol, leverage)
        )

    # Reads

    def fetch_order(self, order: OrderName) -> Request:
        """Read an order; the payload is the ``Order``."""
        return Request(
            "fetch_order",
            f"fetch_order {order}",
            partial(self._find, order),
            stale=partial(self._find_before, order),
        )

    def fetch_trades(self, order: OrderName) -> Request:
        """Read the executions of an order; a tuple of ``Trade``."""
        return Request("fetch_trades", f"fetch_trades {order}", partial(self._trades, order))

    def fetch_open_orders(self, symbol: str | None) -> Request:
        """Read the open orders of one symbol or of all; the payload is a tuple of ``Order``."""
        return Request(
            "fetch_open_orders",
            "fetch_open_orders" if symbol is None else f"fetch_open_orders {symbol}",
            partial(self._open_orders, symbol),
            stale=partial(self._open_orders, symbol, before=True),
        )

    def fetch_positions(self, symbols: tuple[str, ...]) -> Request:
        """Read the positions that are not flat, of some symbols or of all; a tuple of ``PositionUpdate``."""
        return Request(
            "fetch_positions",
            " ".join(("fetch_positions", *symbols)),
            partial(self._positions, symbols),
            stale=partial(self._positions, symbols, before=True),
        )

    def fetch_balance(self) -> Request:
        """Read the account; the payload is a tuple of ``Holding``."""
        return Request("fetch_balance", "fetch_balance", self._balance)

    def fetch_ticker(self, symbol: str) -> Request:
        """Read the price; the payload is a ``Ticker``."""
        return Request("fetch_ticker", f"fetch_ticker {symbol}", partial(self._ticker, symbol))

    # At the venue

    def _cancel(self, order: OrderName) -> Order:
        return self._engine.cancel(self._find(order).id)

    def _find(self, wanted: OrderName) -> Order:
        order = None
        if wanted.id is not None:
            order = self._store.order(wanted.id)
        elif wanted.client_id is not None and wanted.symbol is not None:
            order = self._store.order_of_client(self._store.market(wanted.symbol).symbol, wanted.client_id)
        return _found(order, wanted)

    def _trades(self, wanted: OrderName) -> tuple[Trade, ...]:
        return self._find(wanted).trades

    def _find_before(self, wanted: OrderName) -> Order:
        symbol = wanted.symbol or self._store.symbol_of(wanted.id or "")
        if symbol is None:
            raise Rejected(Refusal.ORDER_NOT_FOUND, f"order {wanted} does not exist")
        fitting = [
            order for order in self._store.orders_before(self._store.market(symbol).symbol) if _fits(order, wanted)
        ]
        return _found(fitting[-1] if fitting else None, wanted)

    def _open_orders(self, symbol: str | None, *, before: bool = False) -> tuple[Order, ...]:
        symbols = sorted(self._store.markets) if symbol is None else [self._store.market(symbol).symbol]
        read = self._store.orders_before if before else self._store.orders
        return tuple(order for each in symbols for order in read(each) if order.open)

    def _positions(self, symbols: tuple[str, ...], *, before: bool = False) -> tuple[PositionUpdate, ...]:
        for symbol in symbols:
            self._store.market(symbol)
        derivatives = [symbol for symbol, market in sorted(self._store.markets.items()) if market.derivative]
        updates = [
            self._engine.position_update(symbol, side, before=before)
            for symbol in derivatives
            if not symbols or symbol in symbols
            for side in self._engine.sides
        ]
        return tuple(update for update in updates if update.quantity)

    def _balance(self) -> tuple[Holding, ...]:
        return tuple(
            Holding(asset, self._store.balance(asset), reserved(self._store, asset) if self._finite else Decimal(0))
            for asset in self._store.assets
        )

    def _ticker(self, symbol: str) -> Ticker:
        return Ticker(symbol, self._store.price(self._store.market(symbol).symbol), self._engine.time_ns())

    def _set_leverage(self, symbol: str, leverage: int) -> None:
        if not self._store.market(symbol).derivative or not 1 <= leverage <= LEVERAGE_MAX:
            raise Rejected(Refusal.BAD_REQUEST, f"{symbol} cannot have leverage {leverage}")
        self._store.set_leverage(symbol, leverage)


def _fits(order: Order, wanted: OrderName) -> bool:
    return order.id == wanted.id if wanted.id is not None else order.request.client_id == wanted.client_id


def _found(order: Order | None, wanted: OrderName) -> Order:
    if order is None or (wanted.symbol is not None and order.symbol != wanted.symbol):
        raise Rejected(Refusal.ORDER_NOT_FOUND, f"order {wanted} does not exist")
    return order
