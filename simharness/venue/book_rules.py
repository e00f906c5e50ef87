"""The part of the monitor that keeps its own books: I5, reduce-only of I7, and the positions of I11."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from simharness.errors import IllegalVenue
from simharness.venue.event import PositionUpdate
from simharness.venue.ledger import Entry, EntryKind
from simharness.venue.market import Market
from simharness.venue.order import Order, PositionSide, Trade
from simharness.venue.position import Position

_ZERO = Decimal(0)
_FROM_OUTSIDE = (EntryKind.DEPOSIT, EntryKind.FUNDING)


class BookRules:
    """Computes balances and positions from trades, deposits and funding, without looking at the venue's own.

    Args:
        markets: what is traded, by symbol.
    """

    def __init__(self, markets: Mapping[str, Market]) -> None:
        self._markets = markets
        # Per asset: everything except what is bound in open positions.
        self._cash: dict[str, Decimal] = {}
        self._quantities: dict[tuple[str, PositionSide], Decimal] = {}

    def entered(self, entry: Entry) -> None:
        """Take a booking that no trade causes."""
        if entry.kind in _FROM_OUTSIDE:
            self._add(entry.asset, entry.amount)

    def traded(self, order: Order, trade: Trade) -> None:
        """Take an execution.

        Raises:
            IllegalVenue: I7 a reduce-only order grows a position or turns it round.
        """
        market = self._markets[trade.symbol]
        signed = trade.side.sign * trade.quantity
        self._add(market.settle, -trade.fee)
        self._add(market.settle if market.derivative else market.quote, -signed * trade.price)
        if not market.derivative:
            self._add(market.base, signed)
            return
        key = (trade.symbol, order.request.position_side)
        before = self._quantities.get(key, _ZERO)
        after = self._quantities[key] = before + signed
        if order.request.reduce_only and (abs(after) >= abs(before) or after * before < 0):
            raise IllegalVenue(f"I7: reduce-only {trade.id} takes {trade.symbol} from {before} to {after}")
        if order.request.position_side is not PositionSide.BOTH and after * _direction(order) < 0:
            raise IllegalVenue(f"I7: {trade.id} turns the {order.request.position_side} position round to {after}")

    def check(self, balances: Mapping[str, Decimal], positions: Iterable[Position]) -> None:
        """Compare the venue's account with these books.

        Raises:
            IllegalVenue: I5 they differ.
        """
        bound: dict[str, Decimal] = {}
        held: dict[tuple[str, PositionSide], Decimal] = {}
        for position in positions:
            asset = self._markets[position.symbol].settle
            bound[asset] = bound.get(asset, _ZERO) + position.cost
            held[position.symbol, position.side] = position.quantity
        for key in sorted(self._quantities.keys() | held.keys()):
            if self._quantities.get(key, _ZERO) != held.get(key, _ZERO):
                raise IllegalVenue(
                    f"I5: position {key[0]} is {held.get(key)}, its trades say {self._quantities.get(key)}"
                )
        for asset in sorted(balances.keys() | self._cash.keys()):
            expected = self._cash.get(asset, _ZERO) + bound.get(asset, _ZERO)
            if balances.get(asset, _ZERO) != expected:
                raise IllegalVenue(
                    f"I5: balance {asset} is {balances.get(asset)}; trades, fees and funding say {expected}"
                )

    def check_converged(self, read: Iterable[PositionUpdate]) -> None:
        """Compare what a read of the positions says with these books, once nothing is under way.

        Raises:
            IllegalVenue: I11 they differ.
        """
        said = {(update.symbol, update.side): update.quantity for update in read}
        for key in sorted(self._quantities.keys() | said.keys()):
            if said.get(key, _ZERO) != self._quantities.get(key, _ZERO):
                raise IllegalVenue(
                    f"I11: a read says position {key[0]} is {said.get(key)}, its trades say {self._quantities.get(key)}"
                )

    def _add(self, asset: str, amount: Decimal) -> None:
        self._cash[asset] = self._cash.get(asset, _ZERO) + amount


def _direction(order: Order) -> int:
    return 1 if order.request.position_side is PositionSide.LONG else -1
