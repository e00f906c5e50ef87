"""What the venue says on its user streams."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from simharness.venue.order import Order, PositionSide, Trade


class Topic(StrEnum):
    """The user streams. Frames of one topic keep their order on a connection; topics have no mutual order."""

    ORDERS = "orders"
    POSITIONS = "positions"
    BALANCE = "balance"


class ExecType(StrEnum):
    """Why an execution report was sent."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """Something happened to an order.

    Args:
        order: the version of the order that this created; it carries ids, cumulative and leaves quantity.
        exec_type: what happened.
        trade: the execution, for ``TRADE``.
    """

    order: Order
    exec_type: ExecType
    trade: Trade | None = None

    @property
    def sequence(self) -> int:
        """Orders the reports of one order; grows, and skips the version in which a stop triggers."""
        return self.order.version

    @property
    def text(self) -> str:
        """The event in the words of a timeline."""
        if self.trade is not None:
            return f"{self.order.status} {self.order.id} +{self.trade.quantity} at {self.trade.price}"
        return f"{self.exec_type.lower()} {self.order.id}"


@dataclass(frozen=True, slots=True)
class PositionUpdate:
    """A position changed.

    Args:
        symbol: the market.
        side: ``BOTH`` in one-way mode.
        quantity: signed base units: negative is short.
        entry_price: mean price of what is open; zero when flat.
        realized: profit booked since the account was opened, in the settlement asset, without fees.
        mark_price: at the moment of the change; None if the venue has no price.
        leverage: of the symbol.
        sequence: position among the updates of this position; grows by one.
        time_ns: venue time since the epoch.
    """

    symbol: str
    side: PositionSide
    quantity: Decimal
    entry_price: Decimal
    realized: Decimal
    mark_price: Decimal | None
    leverage: int
    sequence: int
    time_ns: int

    @property
    def text(self) -> str:
        """The event in the words of a timeline."""
        return f"position {self.symbol} {self.quantity}"


@dataclass(frozen=True, slots=True)
class BalanceUpdate:
    """A balance changed.

    Args:
        asset: which one.
        total: what the account holds of it.
        time_ns: venue time since the epoch.
    """

    asset: str
    total: Decimal
    time_ns: int

    @property
    def text(self) -> str:
        """The event in the words of a timeline."""
        return f"balance {self.asset} {self.total}"


VenueEvent = ExecutionReport | PositionUpdate | BalanceUpdate
