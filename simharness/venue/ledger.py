"""What was booked on the account: append only, every entry with its cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from simharness.core import name
from simharness.core.footprint import recorder

_LEDGER = name.static("venue ledger")


class EntryKind(StrEnum):
    """Why a balance changed."""

    DEPOSIT = "deposit"
    TRADE = "trade"  # one leg of a spot trade
    PROFIT = "profit"  # realized by a derivative's trade
    FEE = "fee"
    FUNDING = "funding"


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking.

    Args:
        id: unique, and the same in every execution that books it: the cause, the kind and the asset.
        kind: why.
        asset: what.
        amount: signed.
        cause: the trade, funding or deposit that it follows from.
    """

    id: str
    kind: EntryKind
    asset: str
    amount: Decimal
    cause: str


class Ledger:
    """The bookings of one account.

    Entries commute: two steps that book do not depend on each other, so the order in which they stand here means
    nothing; compare ledgers with :meth:`sorted`.
    """

    __slots__ = ("_entries", "_watch")

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._watch: Callable[[Entry], None] | None = None

    def watch(self, observer: Callable[[Entry], None]) -> None:
        """Show every new entry to ``observer``."""
        self._watch = observer

    def book(self, kind: EntryKind, asset: str, amount: Decimal, cause: str) -> Entry:
        """Append one entry.

        Raises:
            ValueError: the same thing was booked before.
        """
        entry = Entry(f"{cause} {kind} {asset}", kind, asset, amount, cause)
        if entry.id in self._entries:
            raise ValueError(f"booked twice: {entry.id}")
        recorder.add(_LEDGER)
        self._entries[entry.id] = entry
        if self._watch is not None:
            self._watch(entry)
        return entry

    def sorted(self) -> tuple[Entry, ...]:
        """Return every entry, sorted by id."""
        recorder.read(_LEDGER)
        return tuple(self._entries[entry_id] for entry_id in sorted(self._entries))

    def total(self, asset: str) -> Decimal:
        """Return the sum of what was booked in ``asset``."""
        return sum((entry.amount for entry in self if entry.asset == asset), Decimal(0))

    def __iter__(self) -> Iterator[Entry]:
        recorder.read(_LEDGER)
        return iter(tuple(self._entries.values()))

    def __len__(self) -> int:
        recorder.read(_LEDGER)
        return len(self._entries)
