"""What can be traded, and the filters that an order must pass."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from simharness.venue.refusal import Refusal, Rejected

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Market:
    """One traded symbol.

    Args:
        symbol: unified as in ccxt: ``ETH/USDT`` is spot, ``ETH/USDT:USDT`` a linear perpetual settled in USDT.
        tick: price step.
        step: quantity step, in base units (contract size 1).
        quantity_min: smallest quantity.
        notional_min: smallest price times quantity, in quote units; reduce-only orders are exempt.
        maker_rate: fee rate of resting orders, in quote units per notional.
        taker_rate: fee rate of market orders and of orders that execute on arrival.
    """

    symbol: str
    tick: Decimal = Decimal("0.01")
    step: Decimal = Decimal("0.001")
    quantity_min: Decimal = Decimal("0.001")
    notional_min: Decimal = Decimal(0)
    maker_rate: Decimal = Decimal(0)
    taker_rate: Decimal = Decimal(0)

    @property
    def base(self) -> str:
        """The asset that is bought and sold."""
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        """The asset that prices are in."""
        return self.symbol.partition("/")[2].partition(":")[0]

    @property
    def derivative(self) -> bool:
        """Whether trades change a position instead of two balances."""
        return ":" in self.symbol

    @property
    def settle(self) -> str:
        """The asset that fees and profits are booked in."""
        return self.symbol.partition(":")[2] or self.quote

    @property
    def id(self) -> str:
        """The venue's own name of the market, such as ``ETHUSDT``."""
        return self.base + self.quote

    def check_quantity(self, quantity: Decimal) -> None:
        """Refuse a quantity off its step or below its minimum.

        Raises:
            Rejected: it is.
        """
        if quantity < self.quantity_min or quantity <= _ZERO:
            raise Rejected(Refusal.INVALID_ORDER, f"quantity {quantity} is below the minimum {self.quantity_min}")
        if quantity % self.step:
            raise Rejected(Refusal.INVALID_ORDER, f"quantity {quantity} is not a multiple of {self.step}")

    def check_price(self, price: Decimal) -> None:
        """Refuse a price off its tick.

        Raises:
            Rejected: it is, or it is not positive.
        """
        if price <= _ZERO or price % self.tick:
            raise Rejected(Refusal.INVALID_ORDER, f"price {price} is not a positive multiple of {self.tick}")

    def check_notional(self, price: Decimal, quantity: Decimal) -> None:
        """Refuse an order that is worth too little.

        Raises:
            Rejected: it is.
        """
        if price * quantity < self.notional_min:
            raise Rejected(
                Refusal.INVALID_ORDER, f"notional {price * quantity} is below the minimum {self.notional_min}"
            )
