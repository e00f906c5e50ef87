"""The protection check: every position has a stop, and none loses more than it may."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING

from simharness.managers.positions.closing import close_tracked
from simharness.managers.positions.errors import PositionError
from simharness.managers.positions.state import PositionState, PositionStatus

if TYPE_CHECKING:
    from simharness.managers.positions.manager import PositionManager

logger = logging.getLogger(__name__)


async def check_protection(manager: PositionManager) -> None:
    """Look at every position in `manager.positions`: close it at the loss limit, else see that it has a stop."""
    for symbol in sorted(manager.positions):
        if manager.policy.is_opening(symbol):
            continue
        async with manager.policy.guard(symbol):
            state = manager.positions.get(symbol)
            # The wait for the guard may have ended with the position closed, or about to be.
            if state is None or state.status is not PositionStatus.ACTIVE or manager.policy.is_opening(symbol):
                continue
            await _protect(manager, state)


async def _protect(manager: PositionManager, state: PositionState) -> None:
    loss = await _loss(manager, state)
    try:
        if loss is not None and loss >= manager.settings.max_loss:
            logger.warning("%s: loss of %.2f %% is over the limit", state.symbol, loss * 100)
            await close_tracked(manager, state)
        elif state.stop_reference is None:
            await ensure_stop(manager, state)
    except PositionError as error:
        logger.warning("%s: not protected: %s", state.symbol, error)


async def _loss(manager: PositionManager, state: PositionState) -> Decimal | None:
    """Return the loss as a fraction of the entry price, or `None` if no price is known."""
    price = state.mark_price
    if price is None:
        try:
            price = await manager.exchange.fetch_mark_price(state.symbol)
        except PositionError as error:
            logger.warning("%s: no price: %s", state.symbol, error)
    if price is None:
        return None
    change = (price - state.entry_price) / state.entry_price
    return -change if state.side == "long" else change


async def ensure_stop(manager: PositionManager, state: PositionState) -> None:
    """Place the position's stop, at its own price or else at the distance of the settings."""
    price = state.stop_price
    if price is None:
        distance = manager.settings.default_stop
        price = state.entry_price * (1 - distance if state.side == "long" else 1 + distance)
    await manager.stops.place(state, price)
    await manager.repository.update_position(state.id, stop_price=price, stop_reference=state.stop_reference)
