"""`drop-unknown`, the bug: a position is registered when all is done, and updates until then are dropped."""

from __future__ import annotations

from typing import ClassVar

from simharness.managers.positions.errors import PositionExists
from simharness.managers.positions.policies.base import RegistrationPolicy, logger
from simharness.managers.positions.state import OpenRequest, PositionState, PositionUpdate


class DropUnknown(RegistrationPolicy):
    """Register at the end; skip what is not registered."""

    name: ClassVar[str] = "drop-unknown"

    def begin(self, request: OpenRequest) -> None:
        """Refuse a symbol that has a registered position; one that is still being opened is not seen."""
        if request.symbol in self.manager.positions:
            raise PositionExists(f"{request.symbol} already has an open position")

    async def register(self, state: PositionState) -> None:
        """Put the position where updates look for it."""
        self.manager.positions[state.symbol] = state

    async def on_update(self, update: PositionUpdate) -> None:
        """Apply an update in the order of arrival, if its position is registered."""
        state = self.manager.positions.get(update.symbol)
        if state is None:
            logger.info("Skipped %s: not in tracked positions", update.symbol)
            return
        state.apply(update)
        await self.manager.after_update(state)
