"""`versioned-intent`, the policy that ships.

An open is known from before its order is sent, as an intent that only this policy reads. Position
reports carry whole values, so of those that arrive during the open only the newest has to be kept. When
the entry order has ended, the position becomes visible as the order made it; the newest report is merged
into it twice, before it is stored as open and when the open ends, each time in one step without an await.
Reports never go back behind the exchange's sequence or time, and every way out of an open removes what
it had left.

One writer works on a symbol at a time. What events tell meanwhile is taken into memory at once and left
for that writer to store before he is done, so that events neither wait for him nor compete with him for
rows, and a row never goes back to older values.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simharness.managers.positions.errors import PositionExists
from simharness.managers.positions.exchange import OrderReport
from simharness.managers.positions.locks import KeyedLocks
from simharness.managers.positions.policies.base import RegistrationPolicy, Work, logger
from simharness.managers.positions.state import OpenRequest, PositionState, PositionStatus, PositionUpdate, Version
from simharness.managers.positions.trailing import trailing_stop

if TYPE_CHECKING:
    from simharness.managers.positions.manager import PositionManager


@dataclass(slots=True)
class OpenIntent:
    """An open in progress: the row's id once it is stored, and the newest report on the symbol so far."""

    request: OpenRequest
    position_id: str | None = None
    latest: PositionUpdate | None = None
    seen_open: bool = False

    def fold(self, update: PositionUpdate) -> None:
        """Keep `update` if it is the newest; fields that it leaves out stay as they were reported before."""
        known = self.latest
        if known is None:
            self.latest = update
        elif not update.version.is_stale_after(known.version):
            self.latest = PositionUpdate(
                symbol=update.symbol,
                side=update.side or known.side,
                quantity=known.quantity if update.quantity is None else update.quantity,
                entry_price=known.entry_price if update.entry_price is None else update.entry_price,
                mark_price=known.mark_price if update.mark_price is None else update.mark_price,
                unrealized_pnl=known.unrealized_pnl if update.unrealized_pnl is None else update.unrealized_pnl,
                version=update.version,
            )
        self.seen_open = self.seen_open or update.says_open


class VersionedIntent(RegistrationPolicy):
    """Register the intent before the order, merge on registration, order reports by the exchange's version."""

    name: ClassVar[str] = "versioned-intent"
    write_ahead: ClassVar[bool] = True
    exclusive: ClassVar[bool] = True

    def __init__(self, manager: PositionManager) -> None:
        super().__init__(manager)
        self.intents: dict[str, OpenIntent] = {}
        # What was closed here, so that a lagging snapshot cannot bring it back. One small entry per symbol.
        self._closed: dict[str, Version] = {}
        self._generations: dict[str, int] = {}
        self._writers = KeyedLocks()
        # Symbols whose position has learned something since its values were last written.
        self._changed: set[str] = set()

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

    def _merge(self, state: PositionState) -> None:
        """Take over the newest report that has come during the open."""
        intent = self.intents.get(state.symbol)
        if intent is None or (latest := intent.latest) is None:
            return
        intent.latest = None
        if state.may_mean(latest):
            # An old report has no news, but it proves that a later "flat" is about this position.
            state.seen_open = state.seen_open or intent.seen_open
            if self.is_current(state, latest):
                state.apply(latest)
                self._changed.add(state.symbol)

    async def register(self, state: PositionState) -> None:
        """Declare the visible position finished; one that was opened without this manager becomes visible now."""
        state.status = PositionStatus.ACTIVE
        self._merge(state)
        self.intents.pop(state.symbol, None)
        self.manager.positions.setdefault(state.symbol, state)
        self._count(state.symbol)

    def abandon(self, symbol: str) -> None:
        """Remove the intent and its position, unless a rollback could not close it and must be tried again."""
        state = self.manager.positions.get(symbol)
        if state is not None:
            self._merge(state)
        intent = self.intents.pop(symbol, None)
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
        """Apply a report that is newer than what is known; during an open, keep it with the intent."""
        intent = self.intents.get(update.symbol)
        if intent is not None:
            intent.fold(update)
        elif (state := self.manager.positions.get(update.symbol)) is not None:
            state.seen_open = state.seen_open or (update.says_open and state.may_mean(update))
            if self.is_current(state, update):
                state.apply(update)
                return self._follow_up(state)
        else:
            logger.debug("%s: a report on a position that is not ours (yet)", update.symbol)
        return None

    def _follow_up(self, state: PositionState) -> Work | None:
        """Return what is left to do after a report was applied, if nobody is at work on the symbol who does it."""
        self._changed.add(state.symbol)
        if state.is_flat or trailing_stop(state) is not None:
            return self.manager.after_update(state)
        return self._storing(state.symbol)

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
                await self._save(symbol)

    async def _save(self, symbol: str) -> None:
        """Store what is new; after the last look nothing is awaited, so nothing can come in between."""
        while symbol in self._changed or self.manager.desk.has_news(symbol):
            state = self.manager.positions.get(symbol) if symbol in self._changed else None
            self._changed.discard(symbol)
            try:
                await self.manager.desk.save(symbol, state)
            except Exception as error:
                # It is known in memory and stays owed: what was done meanwhile is done all the same.
                if state is not None:
                    self._changed.add(symbol)
                logger.warning("%s: not stored, the next writer tries again: %s", symbol, error)
                return

    def generations(self) -> dict[str, int]:
        """Return how many commands on each symbol have begun or ended."""
        return dict(self._generations)

    def _count(self, symbol: str) -> None:
        self._generations[symbol] = self._generations.get(symbol, 0) + 1

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
        self._merge(state)  # what came during a rollback still waits with the intent
        known = state.version or Version()
        times = [time for time in (known.time_ms, time_ms) if time is not None]
        self._closed[state.symbol] = Version(known.sequence, max(times, default=None))
        self._changed.discard(state.symbol)
        self._count(state.symbol)

    async def activate(self, state: PositionState) -> None:
        """Write status and newest values; the caller is the symbol's writer."""
        self._merge(state)
        self._changed.discard(state.symbol)
        await super().activate(state)

    async def store(self, state: PositionState) -> None:
        """Have the newest values written, by the symbol's writer or else here."""
        self._changed.add(state.symbol)
        if (work := self._storing(state.symbol)) is not None:
            await work

    def saving(self, symbol: str) -> Work | None:
        """Return the work of storing what events have told of the symbol's orders, if nobody is at work on it."""
        if self._writers.is_used(symbol) or not self.manager.desk.has_news(symbol):
            return None
        return self._storing(symbol)

    def _storing(self, symbol: str) -> Work | None:
        """Take a turn as the symbol's writer, unless somebody has one: he stores all that is new in the end."""
        return None if self._writers.is_used(symbol) else self._in_turn(symbol, self._writers.hold(symbol))

    async def _in_turn(self, symbol: str, turn: AbstractAsyncContextManager[None]) -> None:
        async with turn:
            await self._save(symbol)
