"""`buffer-then-apply`, the published fix: a placeholder and a buffer bridge the time until registration.

It is kept as it was published, for its weaknesses are what it is here to show:

- the placeholder is visible to every reader of `positions`, with an entry price of 0 and the id "pending";
- updates that reach the placeholder are gone when registration puts the real position in its place;
- draining awaits between updates, so a newer update can be applied before the older ones of the buffer;
- a failed open leaves placeholder, lock and buffer behind, and the symbol can never be opened again.
"""

from __future__ import annotations

from typing import ClassVar

from simharness.managers.positions.errors import PositionExists
from simharness.managers.positions.policies.base import RegistrationPolicy, logger
from simharness.managers.positions.state import ZERO, OpenRequest, PositionState, PositionUpdate

PENDING_ID = "pending"


class BufferThenApply(RegistrationPolicy):
    """Lock the symbol, pre-register after the order, buffer what comes before, drain after registration."""

    name: ClassVar[str] = "buffer-then-apply"

    def lock_key(self, symbol: str) -> str:
        """Return the key under which a symbol is locked while it is opened."""
        return symbol

    def begin(self, request: OpenRequest) -> None:
        """Lock the symbol, or refuse it if it is locked or has a position."""
        key = self.lock_key(request.symbol)
        if key in self.manager.position_locks or request.symbol in self.manager.positions:
            raise PositionExists(f"{request.symbol} already has an open position, or one is being opened")
        self.manager.position_locks[key] = self.manager.repository.now_ms()

    def ordered(self, request: OpenRequest) -> None:
        """Put a placeholder where updates look for the position."""
        if request.symbol not in self.manager.positions:
            self.manager.positions[request.symbol] = PositionState(
                id=PENDING_ID, symbol=request.symbol, side=request.side, quantity=ZERO, entry_price=ZERO
            )
            logger.info("Pre-registered %s for position updates", request.symbol)

    async def register(self, state: PositionState) -> None:
        """Replace the placeholder by the position, apply the buffer in order, and unlock the symbol."""
        self.manager.positions[state.symbol] = state
        updates = self.manager.pending_updates.pop(state.symbol, [])
        if updates:
            logger.info("Applying %d buffered updates for %s", len(updates), state.symbol)
        for update in updates:
            await self.on_update(update)
        self.manager.position_locks.pop(self.lock_key(state.symbol), None)

    async def on_update(self, update: PositionUpdate) -> None:
        """Apply an update in the order of arrival, or buffer it while its position is being opened."""
        state = self.manager.positions.get(update.symbol)
        if state is not None:
            state.apply(update)
            await self.manager.after_update(state)
        elif update.symbol in self.manager.position_locks:
            self.manager.pending_updates.setdefault(update.symbol, []).append(update)
            logger.info("Buffered update for %s: its position is being opened", update.symbol)
        else:
            logger.info("Skipped %s: not in tracked positions", update.symbol)
