"""Positions in memory: what was asked for, what the exchange reports, and what we believe.

Numbers arrive as floats, strings or `None` and are turned into `Decimal` here, once. An absent
field is `None` and never zero: the exchange said nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

Side = Literal["long", "short"]
OrderSide = Literal["buy", "sell"]

ZERO = Decimal(0)


class PositionStatus(StrEnum):
    """Where a position stands, in memory and in its row."""

    OPENING = "OPENING"
    ACTIVE = "ACTIVE"
    CLOSING = "CLOSING"
    CLOSED = "CLOSED"
    FAILED = "FAILED"


def opening_side(side: Side) -> OrderSide:
    """Return the order side that grows a position of `side`."""
    return "buy" if side == "long" else "sell"


def closing_side(side: Side) -> OrderSide:
    """Return the order side that shrinks a position of `side`."""
    return "sell" if side == "long" else "buy"


def decimal_or_none(value: Any) -> Decimal | None:
    """Return `value` as an exact `Decimal`, or `None` if the exchange left it out."""
    if value is None or value == "":
        return None
    return value if isinstance(value, Decimal) else Decimal(str(value))


def int_or_none(value: Any) -> int | None:
    """Return `value` as an integer, or `None` if the exchange left it out."""
    return None if value is None or value == "" else int(value)


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A wish to open a position.

    `quantity` is in contracts, `stop_price` in the quote currency. `trailing` is the distance of a
    trailing stop as a fraction of the price (`0.02` = 2 %), `None` for a fixed stop.
    """

    symbol: str
    side: Side
    quantity: Decimal
    stop_price: Decimal
    leverage: int | None = None
    trailing: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """When the exchange says that something was so: its sequence number, its time in milliseconds, or both."""

    sequence: int | None = None
    time_ms: int | None = None

    def is_stale_after(self, known: Version | None) -> bool:
        """Tell whether this version adds nothing to `known`.

        A sequence number decides where both have one, and then equal means repeated. Times only tell
        a strictly older report: one millisecond can hold two changes, which then count in the order
        of arrival.
        """
        if known is None:
            return False
        if self.sequence is not None and known.sequence is not None:
            return self.sequence <= known.sequence
        if self.time_ms is not None and known.time_ms is not None:
            return self.time_ms < known.time_ms
        return False


@dataclass(frozen=True, slots=True)
class PositionUpdate:
    """One position report, from the stream or from a REST snapshot; `None` means not said."""

    symbol: str
    side: Side | None
    quantity: Decimal | None
    entry_price: Decimal | None
    mark_price: Decimal | None
    unrealized_pnl: Decimal | None
    version: Version

    @classmethod
    def from_ccxt(cls, report: Mapping[str, Any]) -> PositionUpdate:
        """Read a unified ccxt position; raise `KeyError` if it has no symbol."""
        info = report.get("info")
        sequence = info.get("sequence") if isinstance(info, Mapping) else None
        side = report.get("side")
        return cls(
            symbol=str(report["symbol"]),
            side=side if side in ("long", "short") else None,
            quantity=decimal_or_none(report.get("contracts")),
            entry_price=decimal_or_none(report.get("entryPrice")),
            mark_price=decimal_or_none(report.get("markPrice")),
            unrealized_pnl=decimal_or_none(report.get("unrealizedPnl")),
            version=Version(int_or_none(sequence), int_or_none(report.get("timestamp"))),
        )

    @property
    def says_open(self) -> bool:
        """Whether the report states a quantity that is not zero."""
        return self.quantity is not None and self.quantity != ZERO

    @property
    def says_flat(self) -> bool:
        """Whether the report states, in so many words, that there is no position."""
        return self.quantity is not None and self.quantity == ZERO


@dataclass(slots=True)
class PositionState:
    """A tracked position.

    `id` is the row's id as text. `quantity` is unsigned, in contracts; prices and PnL are in the
    quote currency. `peak_price` is the best mark price so far, if there is a trailing stop.
    `entered_at_ms` is the exchange's time of the entry order.
    `seen_open` records that the exchange itself has reported this position as open, without which
    a report of "flat" may be a late one about an earlier position. `absences` counts the snapshots in a
    row that did not show it.
    """

    id: str
    symbol: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal | None = None
    unrealized_pnl: Decimal = ZERO
    status: PositionStatus = PositionStatus.ACTIVE
    stop_price: Decimal | None = None
    stop_reference: str | None = None
    trailing: Decimal | None = None
    peak_price: Decimal | None = None
    version: Version | None = None
    entered_at_ms: int | None = None
    seen_open: bool = False
    absences: int = 0

    def apply(self, update: PositionUpdate) -> None:
        """Take over what `update` states and keep the rest. Whether it is current is the caller's business."""
        if update.quantity is not None:
            self.quantity = abs(update.quantity)
        # A flat report often comes with an entry price of 0: that is "none", not a price.
        if update.entry_price:
            self.entry_price = update.entry_price
        if update.mark_price is not None:
            self.mark_price = update.mark_price
        if update.unrealized_pnl is not None:
            self.unrealized_pnl = update.unrealized_pnl
        self.seen_open = self.seen_open or update.says_open
        self.version = update.version
        if self.trailing is not None and self.mark_price is not None and self.status is PositionStatus.ACTIVE:
            best = max if self.side == "long" else min
            self.peak_price = self.mark_price if self.peak_price is None else best(self.peak_price, self.mark_price)

    def may_mean(self, update: PositionUpdate) -> bool:
        """Tell whether `update` can be about this position: not if it is older than the entry order."""
        return not update.version.is_stale_after(Version(time_ms=self.entered_at_ms))

    @property
    def is_flat(self) -> bool:
        """Whether the exchange has reported this position as open and later as closed."""
        return self.seen_open and self.quantity == ZERO
