"""The venue's state. Every access records its key, here and nowhere else.

What is independent at a real venue is independent here: orders of different symbols share nothing but the account's
balances, and those are commutative sums unless somebody looks at them.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import cache

from simharness.core import name
from simharness.core.footprint import Rows, recorder
from simharness.venue.ledger import EntryKind, Ledger
from simharness.venue.market import Market
from simharness.venue.order import Order, PositionSide
from simharness.venue.position import Position
from simharness.venue.refusal import Refusal, Rejected

_ZERO = Decimal(0)


class _SymbolKeys:
    """The keys of one symbol."""

    __slots__ = ("client_ids", "counter", "journal", "leverage", "orders", "price", "stops")

    def __init__(self, symbol: str) -> None:
        self.orders = Rows(name.static(f"venue orders {symbol}"))
        self.stops = Rows(name.static(f"venue stops {symbol}"))
        self.client_ids = Rows(name.static(f"venue client ids {symbol}"))
        self.counter = name.static(f"venue order counter {symbol}")
        self.journal = name.static(f"venue journal {symbol}")
        self.price = name.static(f"venue price {symbol}")
        self.leverage = name.static(f"venue leverage {symbol}")


@cache
def _keys(symbol: str) -> _SymbolKeys:
    return _SymbolKeys(symbol)


@cache
def _position_key(symbol: str, side: PositionSide) -> int:
    return name.static(f"venue position {symbol} {side}")


@cache
def _balance_key(asset: str) -> int:
    return name.static(f"venue balance {asset}")


class Store:
    """Orders, positions, balances and prices of one account.

    Args:
        markets: what is traded.
        journaled: remember the order of changes within a symbol, for reads that lag. It makes all changes of one
            symbol dependent, so it is only on where such reads are allowed.
    """

    def __init__(self, markets: Iterable[Market], *, journaled: bool = False) -> None:
        self.markets = {market.symbol: market for market in markets}
        self.ledger = Ledger()
        single = len(self.markets) == 1
        self._prefixes = {symbol: "o" if single else m.id.lower() for symbol, m in self.markets.items()}
        self._symbols = {prefix: symbol for symbol, prefix in self._prefixes.items()}
        if len(self._symbols) != len(self.markets):
            # Spot and perpetual of one pair share an id.
            self._prefixes = {symbol: symbol.lower().replace("/", "").replace(":", "-") for symbol in self.markets}
            self._symbols = {prefix: symbol for symbol, prefix in self._prefixes.items()}
        self._orders: dict[str, dict[str, Order]] = {symbol: {} for symbol in self.markets}
        self._by_client_id: dict[tuple[str, str], str] = {}
        self._positions: dict[tuple[str, PositionSide], Position] = {}
        self._balances: dict[str, Decimal] = {}
        self._prices: dict[str, Decimal] = {}
        self._leverages: dict[str, int] = {}
        self._journaled = journaled
        self._before: dict[str, dict[str, Order]] = {}
        self._position_before: dict[str, dict[PositionSide, Position]] = {}

    def market(self, symbol: str) -> Market:
        """Return the market.

        Raises:
            Rejected: it is not traded here.
        """
        market = self.markets.get(symbol)
        if market is None:
            raise Rejected(Refusal.BAD_SYMBOL, f"no market {symbol}")
        return market

    # Orders

    def next_order_id(self, symbol: str) -> str:
        """Return the id of the next order of ``symbol``; numbers count per symbol, so symbols stay independent."""
        recorder.write(_keys(symbol).counter)
        return f"{self._prefixes[symbol]}-{len(self._orders[symbol]) + 1}"

    def symbol_of(self, order_id: str) -> str | None:
        """Return the symbol that an order id belongs to, whether or not the order exists."""
        return self._symbols.get(order_id.rpartition("-")[0])

    def order(self, order_id: str) -> Order | None:
        """Return the present version of an order."""
        symbol = self.symbol_of(order_id)
        if symbol is None:
            return None
        _keys(symbol).orders.read_row(order_id)
        return self._orders[symbol].get(order_id)

    def order_of_client(self, symbol: str, client_id: str) -> Order | None:
        """Return the newest order that carries this client id."""
        _keys(symbol).client_ids.read_row(client_id)
        order_id = self._by_client_id.get((symbol, client_id))
        return None if order_id is None else self.order(order_id)

    def orders(self, symbol: str) -> tuple[Order, ...]:
        """Return every order of ``symbol`` in the order of creation."""
        _keys(symbol).orders.read_all()
        return tuple(self._orders[symbol].values())

    def stops(self, symbol: str) -> tuple[Order, ...]:
        """Return the conditional orders of ``symbol`` in the order of creation."""
        _keys(symbol).stops.read_all()
        return tuple(order for order in self._orders[symbol].values() if order.request.type.conditional)

    def put_order(self, order: Order) -> None:
        """Store a new version of an order."""
        keys, orders = _keys(order.symbol), self._orders[order.symbol]
        if self._journaled:
            recorder.write(keys.journal)
            self._before[order.symbol] = dict(orders)
        client_id = order.request.client_id
        if order.id not in orders and client_id is not None:
            keys.client_ids.write_row(client_id)
            self._by_client_id[order.symbol, client_id] = order.id
        keys.orders.write_row(order.id)
        if order.request.type.conditional:
            keys.stops.write_row(order.id)
        orders[order.id] = order

    def orders_before(self, symbol: str) -> tuple[Order, ...]:
        """Return the orders of ``symbol`` as they were before the latest change, for reads that lag."""
        recorder.read(_keys(symbol).journal)
        return tuple(self._before.get(symbol, {}).values())

    # Positions

    def position(self, symbol: str, side: PositionSide = PositionSide.BOTH) -> Position:
        """Return the present version of a position; flat if there never was one."""
        recorder.read(_position_key(symbol, side))
        return self._positions.get((symbol, side)) or Position(symbol, side)

    def put_position(self, position: Position) -> None:
        """Store a new version of a position."""
        recorder.write(_position_key(position.symbol, position.side))
        if self._journaled:
            self._position_before.setdefault(position.symbol, {})[position.side] = self.position(
                position.symbol, position.side
            )
        self._positions[position.symbol, position.side] = position

    def position_before(self, symbol: str, side: PositionSide) -> Position:
        """Return a position as it was before its latest change, for reads that lag."""
        recorder.read(_position_key(symbol, side))
        return self._position_before.get(symbol, {}).get(side) or Position(symbol, side)

    def leverage(self, symbol: str) -> int:
        """Return the leverage of ``symbol``."""
        recorder.read(_keys(symbol).leverage)
        return self._leverages.get(symbol, 1)

    def set_leverage(self, symbol: str, leverage: int) -> None:
        """Change the leverage of ``symbol``."""
        recorder.write(_keys(symbol).leverage)
        self._leverages[symbol] = leverage

    # Prices and balances

    def price(self, symbol: str) -> Decimal | None:
        """Return the market's price, which is also its mark price; None if the scenario gives none."""
        recorder.read(_keys(symbol).price)
        return self._prices.get(symbol)

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Move the market's price."""
        recorder.write(_keys(symbol).price)
        self._prices[symbol] = price

    def balance(self, asset: str) -> Decimal:
        """Return what the account holds."""
        recorder.read(_balance_key(asset))
        return self._balances.get(asset, _ZERO)

    def book(self, kind: EntryKind, asset: str, amount: Decimal, cause: str) -> None:
        """Change a balance and write it down. Two bookings of one asset commute."""
        if not amount:
            return
        recorder.add(_balance_key(asset))
        self.ledger.book(kind, asset, amount, cause)
        self._balances[asset] = self._balances.get(asset, _ZERO) + amount

    @property
    def assets(self) -> tuple[str, ...]:
        """Every asset of the markets, sorted."""
        return tuple(
            sorted(
                {market.settle for market in self.markets.values()}
                | {market.base for market in self.markets.values() if not market.derivative}
            )
        )
