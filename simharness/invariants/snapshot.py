"""What a system under test has committed, in terms that invariants understand.

A system's glue translates its own tables into these values; the invariants then hold for any bot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class LocalState(StrEnum):
    """The states of an order as a bot can know them; FIX names where they exist."""

    INTENT = "intent"  # written down, not known to be at the venue
    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether nothing may happen to the order any more."""
        return self in _FINAL


_FINAL = frozenset({LocalState.FILLED, LocalState.CANCELED, LocalState.REJECTED, LocalState.EXPIRED})


class OwnerState(StrEnum):
    """What a bot is asked to do."""

    ACTIVE = "active"
    STOPPED = "stopped"
    ERROR = "error"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class LocalOrder:
    """One committed order row.

    Args:
        key: the row, as timelines name it: ``orders#1``.
        owner: key of the bot it belongs to.
        symbol: the market.
        exchange_id: the venue's id, if it is known.
        client_id: the id that the program chose, if it did.
        state: see :class:`LocalState`.
        quantity: ordered.
        filled: cumulative.
        reason: why the program cancels or cancelled it, if it said.
        reduce_only: whether it may only shrink a position.
        side: ``buy`` or ``sell``; empty if the program does not keep it.
    """

    key: str
    owner: str
    symbol: str
    exchange_id: str | None
    client_id: str | None
    state: LocalState
    quantity: Decimal
    filled: Decimal
    reason: str | None = None
    reduce_only: bool = False
    side: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """One committed bot row.

    Args:
        key: the row: ``bots#1``.
        symbol: the market that it trades.
        state: see :class:`OwnerState`.
        fields: what an answer may say about it, as text.
    """

    key: str
    symbol: str
    state: OwnerState
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BookedExecution:
    """One committed trade row.

    Args:
        key: the row.
        order: key of its order.
        execution: the venue's id of the execution.
        quantity: base units.
        price: quote units.
        fee: quote units.
    """

    key: str
    order: str
    execution: str
    quantity: Decimal
    price: Decimal
    fee: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class LocalPosition:
    """One position, in a row or in memory.

    Args:
        key: the row, or the symbol for one in memory.
        symbol: the market.
        quantity: signed base units.
        entry_price: mean price, or None if it is not known yet.
        status: as the program names it, lower case: ``opening``, ``open``, ``closing``, ``closed``, ``failed``.
        stop: whether a protective stop is on record.
        sequence: the venue's sequence of the newest update that it contains, if the program keeps it.
        placeholder: whether it is a stand-in without real values.
        mark_price: as the venue last reported it, as far as the program knows.
    """

    key: str
    symbol: str
    quantity: Decimal
    entry_price: Decimal | None
    status: str
    stop: bool = False
    sequence: int | None = None
    placeholder: bool = False
    mark_price: Decimal | None = None

    @property
    def alive(self) -> bool:
        """Whether it is neither closed nor failed."""
        return self.status not in ("closed", "failed")


@dataclass(frozen=True, slots=True)
class Memory:
    """What the program holds in memory.

    Args:
        positions: tracked positions by symbol.
        buffered: number of updates waiting, by symbol.
        locked: symbols that are reserved for an operation.
        skipped: updates that were thrown away, as ``symbol sequence``.
        followed: keys of the order rows of which something is remembered.
        leaks: what another component was given that stands for nothing real, as a sentence → the step in which it
            showed.
    """

    positions: Mapping[str, LocalPosition] = field(default_factory=dict)
    buffered: Mapping[str, int] = field(default_factory=dict)
    locked: frozenset[str] = frozenset()
    skipped: tuple[str, ...] = ()
    followed: frozenset[str] = frozenset()
    # Positions of steps differ between orders of independent steps, so they are no part of the state.
    leaks: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything committed, by row.

    Args:
        orders: order rows.
        owners: bots.
        executions: booked trades.
        positions: position rows.
        keeps: the kinds of rows that the system has, for those that are empty at the start.
    """

    orders: Mapping[str, LocalOrder] = field(default_factory=dict)
    owners: Mapping[str, Owner] = field(default_factory=dict)
    executions: Mapping[str, BookedExecution] = field(default_factory=dict)
    positions: Mapping[str, LocalPosition] = field(default_factory=dict)
    keeps: frozenset[str] = frozenset()
