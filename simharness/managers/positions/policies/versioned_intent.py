"""`versioned-intent`, the policy that ships.

An open is known from before its order is sent, as an intent that only this policy reads. When the entry order
has ended, the position becomes visible as the order made it. Reports never go back behind the exchange's sequence
or time, and every way out of an open removes what it had left.

One writer has the turn of a symbol at a time. What events tell meanwhile waits in the mail, where he reads it when
he needs it, and at the latest at the end of his turn: there all of it is taken in, stored and acted on, until
nothing is new. So events neither wait for him nor compete with him for rows, what he decides by does not change
under his hands, and a row never goes back to older values. An event that finds nobody at work is taken in at once,
and takes a turn itself if there is anything to do but to note what the position is worth: that the next turn stores,
at the latest the one of the synchronisation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simharness.managers.positions import closing, trailing
from simharness.managers.positions.errors import PositionExists
from simharness.managers.positions.exchange import OrderReport
from simharness.managers.positions.locks import KeyedLocks
from simharness.managers.positions.mail import Told
from simharness.managers.positions.policies.base import RegistrationPolicy, Work, logger
from simharness.managers.positions.state import OpenRequest, PositionState, PositionStatus, PositionUpdate, Version
from simharness.managers.positions.write_ahead import WriteAheadDesk

if TYPE_CHECKING:
    from simharness.managers.positions.manager import PositionManager


@dataclass(slots=True)
class OpenIntent:
    """An open in progress, with the row's id once it is stored."""

    request: OpenRequest
    position_id: str | None = None


class VersionedIntent(RegistrationPolicy):
    """Register the intent before the order, merge on registration, order reports by the exchange's version.

    Raises `TypeError` if the manager's orders do not go through a `WriteAheadDesk`.
    """

    name: ClassVar[str] = "versioned-intent"
    write_ahead: ClassVar[bool] = True
    exclusive: ClassVar[bool] = True

    def __init__(self, manager: PositionManager) -> None:
        super().__init__(manager)
        if not isinstance(manager.desk, WriteAheadDesk):
            raise TypeError(f"{self.name} needs a stop-loss manager with a WriteAheadDesk, not {manager.desk!r}")
        self._desk = manager.desk
        self.told: dict[str, Told] = {}
        self.intents: dict[str, OpenIntent] = {}
        # What was closed here, so that a lagging snapshot cannot bring it back. One small entry per symbol.
        self._closed: dict[str, Version] = {}
        self._generations: dict[str, int] = {}
        self._writers = KeyedLocks()
        # Symbols whose position has learned something: since it was last written, and since somebody acted on it.
        self._changed: set[str] = set()
        self._due: set[str] = set()

    def begin(self, request: OpenRequest) -> None:
        """Register the intent, or refuse the symbol if it has a position or an intent."""
        if request.symbol in self.intents or request.symbol in self.manager.positions:
            raise PositionExists(f"{request.symbol} already has an open position, or one is being opened")
        self.intents[request.symbol] = OpenIntent(request)
        self._count(request.symbol)

    def row_stored(self, symbol: str, position_id: str) -> None:
        """Tie the intent to its row."""
        self.intents[symbol].position_id = position_id

    def filled(self, state: PositionState, report: OrderReport) -> None:
        """Make the position visible, as its entry order made it."""
        state.status = PositionStatus.OPENING
        state.entered_at_ms = report.since_ms
        state.version = Version(time_ms=report.time_ms)
        self.manager.positions[state.symbol] = state

    async def register(self, state: PositionState) -> None:
        """Declare the visible position finished; one that was opened without this manager becomes visible now."""
        state.status = PositionStatus.ACTIVE
        self.intents.pop(state.symbol, None)
        self.manager.positions.setdefault(state.symbol, state)
        self._count(state.symbol)

    def abandon(self, symbol: str) -> None:
        """Remove the intent and its position, unless a rollback could not close it and must be tried again."""
        state, intent = self.manager.positions.get(symbol), self.intents.pop(symbol, None)
        if intent is not None and state is not None and state.id == intent.position_id:
            if state.status is PositionStatus.CLOSING:
                logger.error("%s: position %s could not be rolled back; the next sync tries again", symbol, state.id)
            else:
                del self.manager.positions[symbol]
        self._count(symbol)

    async def on_update(self, update: PositionUpdate) -> None:
        """Take in an update and do what follows from it."""
        if (work := self.take(update)) is not None:
            await work

    def take(self, update: PositionUpdate) -> Work | None:
        """Leave a report to the symbol's writer, or take it in here if there is none."""
        told = self.told.get(update.symbol)
        if told is None:
            self.told[update.symbol] = Told(update, update.says_open)
        else:
            told.fold(update)
        return self._reading(update.symbol)

    def take_order(self, report: OrderReport) -> Work | None:
        """Leave a report on an order of ours to the symbol's writer, or take it in here if there is none."""
        symbol = self._desk.post(report)
        return None if symbol is None else self._reading(symbol)

    def _reading(self, symbol: str) -> Work | None:
        """Read the mail, unless somebody has a turn and will do it; return the turn that it takes, if it does."""
        if self._writers.is_used(symbol):
            return None
        self._read(symbol)
        return self._in_turn(symbol, self._writers.hold(symbol)) if self._is_due(symbol) else None

    def _read(self, symbol: str) -> None:
        """Take in what events have told."""
        self._desk.read(symbol)
        state = self.manager.positions.get(symbol)
        if state is None:
            if self.told.pop(symbol, None) is not None:
                logger.debug("%s: a report on a position that is not ours (yet, or any more)", symbol)
        else:
            held = (state.quantity, state.entry_price)
            if self._merge(state) and ((state.quantity, state.entry_price) != held or trailing.trailing_stop(state)):
                self._due.add(symbol)

    def _is_due(self, symbol: str) -> bool:
        """Tell whether what was told is worth a turn; what a position is worth by now waits for the next one."""
        return symbol in self._due or symbol in self._desk.fired or self._desk.has_news(symbol)

    def _merge(self, state: PositionState) -> bool:
        """Take over the newest report that has come, and return whether it was news."""
        told = self.told.pop(state.symbol, None)
        if told is None or not state.may_mean(told.latest):
            return False
        # An old report has no news, but it proves that a later "flat" is about this position.
        state.seen_open = state.seen_open or told.seen_open
        if not self.is_current(state, told.latest):
            return False
        state.apply(told.latest)
        self._changed.add(state.symbol)
        return True

    def is_current(self, state: PositionState, update: PositionUpdate) -> bool:
        """Tell whether `update` is newer than `state`.

        "Flat" counts only after the exchange has reported the position as open: before that it is a late
        report on an earlier position, or one that an exchange sends for every new order, filled or not.
        If it is neither, the synchronisation finds out.
        """
        if update.says_flat and not state.seen_open:
            return False
        return not update.version.is_stale_after(state.version)

    def is_opening(self, symbol: str) -> bool:
        """Tell whether an intent is registered."""
        return symbol in self.intents

    def opening(self) -> frozenset[str]:
        """Return the symbols with an intent."""
        return frozenset(self.intents)

    def guard(self, symbol: str) -> AbstractAsyncContextManager[None]:
        """Return the turn of the symbol's one writer, at the end of which all is stored."""
        return self._writing(symbol)

    @asynccontextmanager
    async def _writing(self, symbol: str) -> AsyncIterator[None]:
        async with self._writers.hold(symbol):
            try:
                yield
            finally:
                await self._end_turn(symbol)

    async def _in_turn(self, symbol: str, turn: AbstractAsyncContextManager[None]) -> None:
        async with turn:
            await self._end_turn(symbol)

    async def _end_turn(self, symbol: str) -> None:
        """Deal with all that was told; after the last look nothing is awaited, so nothing can come in between."""
        while self._owes(symbol):
            saved = await self._save(symbol)
            await self._act(symbol)
            if not saved:
                return

    def _owes(self, symbol: str) -> bool:
        self._read(symbol)
        return symbol in self._changed or self._is_due(symbol)

    async def _save(self, symbol: str) -> bool:
        """Store what is new, and return whether the database took it."""
        state = self.manager.positions.get(symbol) if symbol in self._changed else None
        self._changed.discard(symbol)
        try:
            await self._desk.save(symbol, state)
            await self._desk.read_strangers(symbol)
        except Exception as error:
            # It is known in memory and stays owed: what was done meanwhile is done all the same.
            if state is not None:
                self._changed.add(symbol)
            logger.warning("%s: not stored, the next writer tries again: %s", symbol, error)
            return False
        return True

    async def _act(self, symbol: str) -> None:
        """Settle the position if the stream says that it is over, or move its stop if the price has moved."""
        due, fired = symbol in self._due, symbol in self._desk.fired
        self._due.discard(symbol)
        self._desk.fired.discard(symbol)
        state = self.manager.positions.get(symbol)
        if state is None or state.status is not PositionStatus.ACTIVE:
            return
        try:
            if fired or (due and state.is_flat):
                await closing.settle_tracked(self.manager, state)
            elif due:
                await trailing.move_stop(self.manager, state)
        except Exception:
            # The command whose turn it is has nothing to do with it; the next synchronisation sees it too.
            logger.exception("%s: position %s could not be followed up", symbol, state.id)

    def generations(self) -> dict[str, int]:
        """Return how many commands on each symbol have begun or ended."""
        return dict(self._generations)

    def generation(self, symbol: str) -> int:
        """Return how many commands on the symbol have begun or ended."""
        return self._generations.get(symbol, 0)

    def _count(self, symbol: str) -> None:
        self._generations[symbol] = self.generation(symbol) + 1

    def is_history(self, update: PositionUpdate) -> bool:
        """Tell whether `update` is not newer than the end of the symbol's last position."""
        closed, told = self._closed.get(update.symbol), update.version
        if closed is None:
            return False
        if told.sequence is not None and closed.sequence is not None and told.sequence <= closed.sequence:
            return True
        return told.time_ms is not None and closed.time_ms is not None and told.time_ms <= closed.time_ms

    def closed(self, state: PositionState, time_ms: int | None) -> None:
        """Remember when the position ended, by the exchange's clock where it told."""
        self._merge(state)
        known = state.version or Version()
        times = [time for time in (known.time_ms, time_ms) if time is not None]
        self._closed[state.symbol] = Version(known.sequence, max(times, default=None))
        self._changed.discard(state.symbol)
        self._count(state.symbol)

    async def activate(self, state: PositionState) -> None:
        """Write status and values; the caller is the symbol's writer."""
        self._changed.discard(state.symbol)
        await super().activate(state)

    async def store(self, state: PositionState) -> None:
        """Have the newest values written at the end of the turn that the caller has."""
        self._changed.add(state.symbol)
