"""Positions of derivatives: what trades make of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from simharness.venue.order import PositionSide, Side

_ZERO = Decimal(0)
# Shares of a cost are rounded to this; what is rounded off stays in the position, so nothing is lost when it closes.
_CENT = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class Position:
    """One version of a position.

    Args:
        symbol: the market.
        side: ``BOTH`` in one-way mode.
        quantity: signed base units: negative is short.
        cost: signed price times quantity of what is open.
        realized: profit booked so far, in the settlement asset, without fees and funding.
        version: how-manyeth version, from 0, the flat one.
    """

    symbol: str
    side: PositionSide = PositionSide.BOTH
    quantity: Decimal = _ZERO
    cost: Decimal = _ZERO
    realized: Decimal = _ZERO
    version: int = 0

    @property
    def entry_price(self) -> Decimal:
        """Mean price of what is open; zero when flat."""
        return self.cost / self.quantity if self.quantity else _ZERO

    def unrealized(self, mark_price: Decimal) -> Decimal:
        """Return the profit if everything were closed at ``mark_price``."""
        return self.quantity * mark_price - self.cost

    def reducible(self, side: Side) -> Decimal:
        """Return how much an order of ``side`` can close."""
        return abs(self.quantity) if self.quantity * side.sign < 0 else _ZERO

    def announced(self) -> Position:
        """Return the same position as a new version, for an update that nothing but the venue causes."""
        return replace(self, version=self.version + 1)

    def traded(self, side: Side, quantity: Decimal, price: Decimal) -> Position:
        """Return the position after an execution; closing more than is open turns it round."""
        closed = min(quantity, self.reducible(side))
        opened = quantity - closed
        cost, realized = self.cost, self.realized
        if closed:
            whole = closed == abs(self.quantity)
            share = cost if whole else (cost * closed / abs(self.quantity)).quantize(_CENT)
            cost -= share
            realized -= side.sign * closed * price + share
        return replace(
            self,
            quantity=self.quantity + side.sign * quantity,
            cost=cost + side.sign * opened * price,
            realized=realized,
            version=self.version + 1,
        )
