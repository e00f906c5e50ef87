"""The trailing stop: it follows the best price at a distance and never steps back."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING

from simharness.managers.positions.errors import StopLossFailed
from simharness.managers.positions.state import PositionState, PositionStatus

if TYPE_CHECKING:
    from simharness.managers.positions.manager import PositionManager

logger = logging.getLogger(__name__)

STEP = Decimal("0.001")
"""A stop moves by at least this fraction of its price, to spare the exchange an order per tick."""


def trailing_stop(state: PositionState) -> Decimal | None:
    """Return the price to which the stop should move, or `None` if it should stay."""
    if state.trailing is None or state.peak_price is None or state.stop_price is None:
        return None
    if state.side == "long":
        wanted = state.peak_price * (1 - state.trailing)
        return wanted if wanted >= state.stop_price * (1 + STEP) else None
    wanted = state.peak_price * (1 + state.trailing)
    return wanted if wanted <= state.stop_price * (1 - STEP) else None


async def trail(manager: PositionManager, symbol: str) -> None:
    """Move the stop of `symbol` if its price has moved far enough."""
    async with manager.policy.guard(symbol):
        state = manager.positions.get(symbol)
        if state is not None and state.status is PositionStatus.ACTIVE:
            await move_stop(manager, state)


async def move_stop(manager: PositionManager, state: PositionState) -> None:
    """Follow the price with the stop: the new one first, then the old one goes; the caller has the symbol's turn."""
    price = trailing_stop(state)
    if price is None or not state.quantity:
        return
    try:
        await manager.stops.place(state, price)
    except StopLossFailed as error:
        logger.warning("%s: the stop stays at %s: %s", state.symbol, state.stop_price, error)
        return
    await manager.repository.update_position(state.id, stop_price=price, stop_reference=state.stop_reference)
    await manager.stops.cancel_all(state.id, keep=state.stop_reference)
