"""`versioned-intent`, the policy that ships.

An open is known from before its order is sent, as an intent that only this policy reads. Position
reports carry whole values, so of those that arrive before the position exists only the newest has to be
kept. When the entry order has ended, position and newest report are merged and become visible in one
step without an await. Reports never go back behind the exchange's sequence or time, one writer works on
a symbol at a time, and every way out of an open removes what it had left.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simharness.managers.positions.errors import PositionExists
from simharness.managers.positions.exchange import OrderReport
from simharness.managers.positions.orders import KeyedLocks
from simharness.managers.positions.policies.base import RegistrationPolicy, logger
from simharness.managers.positions.state import OpenRequest, PositionState, PositionStatus, PositionUpdate, Version

if TYPE_CHECKING:
    from simharness.managers.positions.manager import PositionManager


@dataclass(slots=True)
class OpenIntent:
    """An open in progress: the row's id once it is stored, and the newest report on the symbol so far.

    `unsaved` says that the position has learned something since its values were last written.
    """

    request: OpenRequest
    position_id: str | None = None
    latest: PositionUpdate | None = None
    seen_open: bool = False
    unsaved: bool = False

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
        self._storing = KeyedLocks()

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
        """Merge the newest report into the position and make it visible, at once and complete."""
        state.status = PositionStatus.OPENING
        state.entered_at_ms = report.since_ms
        state.version = Version(time_ms=report.time_ms)
        intent = self.intents[state.symbol]
        latest = intent.latest
        if latest is not None and state.may_mean(latest):
            state.seen_open = intent.seen_open
            if self.is_current(state, latest):
                state.apply(latest)
        self.manager.positions[state.symbol] = state

    async def register(self, state: PositionState) -> None:
        """Declare the visible position finished, and store what was reported while its activation was written."""
        state.status = PositionStatus.ACTIVE
        intent = self.intents.pop(state.symbol, None)
        self._count(state.symbol)
        if intent is not None and intent.unsaved:
            await self.store(state)

    def abandon(self, symbol: str) -> None:
        """Remove the intent and its position, unless a rollback could not close it and must be tried again."""
        intent = self.intents.pop(symbol, None)
        state = self.manager.positions.get(symbol)
        if intent is not None and state is not None and state.id == intent.position_id:
            if state.status is PositionStatus.CLOSING:
                logger.error("%s: position %s could not be rolled back; the next sync tries again", symbol, state.id)
            else:
                del self.manager.positions[symbol]
        self._count(symbol)

    async def on_update(self, update: PositionUpdate) -> None:
        """Apply a report that is newer than what is known; keep it with the intent if there is no position yet."""
        state = self.manager.positions.get(update.symbol)
        intent = self.intents.get(update.symbol)
        if state is not None:
            # An old report has no news, but it proves that a later "flat" is about this position.
            state.seen_open = state.seen_open or (update.says_open and state.may_mean(update))
            if self.is_current(state, update):
                state.apply(update)
                if intent is None:
                    await self.manager.after_update(state)
                else:
                    # Activation is still to come, and stores what is known by then.
                    intent.unsaved = True
        elif intent is not None:
            intent.fold(update)
        else:
            logger.debug("%s: a report on a position that is not ours (yet)", update.symbol)

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

    def guard(self, symbol: str) -> AbstractAsyncContextManager[None]:
        """Return the lock of the symbol's one writer."""
        return self._writers.hold(symbol)

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
        known = state.version or Version()
        times = [time for time in (known.time_ms, time_ms) if time is not None]
        self._closed[state.symbol] = Version(known.sequence, max(times, default=None))
        self._count(state.symbol)

    async def activate(self, state: PositionState) -> None:
        """Write status and newest values, in turn with `store`."""
        async with self._storing.hold(state.id):
            if (intent := self.intents.get(state.symbol)) is not None:
                intent.unsaved = False
            await super().activate(state)

    async def store(self, state: PositionState) -> None:
        """Write the newest known values, one write at a time, so that the row never goes back."""
        async with self._storing.hold(state.id):
            await super().store(state)
