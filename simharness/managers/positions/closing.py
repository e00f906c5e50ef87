"""How positions end: closed on request, or found closed."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING

from simharness.managers.positions.errors import CloseFailed, OrderRefused, OutcomeUnknown
from simharness.managers.positions.orders import ENTRY, book_missing_fills, flatten
from simharness.managers.positions.state import ZERO, PositionState, PositionStatus

if TYPE_CHECKING:
    from simharness.managers.positions.manager import PositionManager

logger = logging.getLogger(__name__)


async def close_tracked(manager: PositionManager, state: PositionState) -> None:
    """Close a tracked position; raise `CloseFailed` if it is, or may be, still open.

    The stop stays until the closing order is done: both only reduce, so whichever comes second does nothing.
    """
    await manager.repository.update_position(state.id, status=PositionStatus.CLOSING)
    state.status = PositionStatus.CLOSING
    try:
        left = await flatten(manager.desk, state, state.quantity)
        problem = f"{left} contracts are left" if left > ZERO else None
    except (OrderRefused, OutcomeUnknown) as error:
        problem = str(error)
    if problem is not None and not await is_over(manager, state):
        state.status = PositionStatus.ACTIVE
        await manager.repository.update_position(state.id, status=PositionStatus.ACTIVE)
        raise CloseFailed(f"{state.symbol}: {problem}")
    await manager.stops.cancel_all(state.id)
    await finish(manager, state)


async def is_over(manager: PositionManager, state: PositionState) -> bool:
    """Tell whether there is proof that the position is closed: the exchange said so, or our orders add up to it."""
    return state.is_flat or await net_quantity(manager, state.id) <= ZERO


async def net_quantity(manager: PositionManager, position_id: str) -> Decimal:
    """Return what the position's orders have left of it, in contracts, asking for those that may have changed."""
    row = await manager.repository.get_position(position_id)
    manager.desk.read(row.symbol)
    orders = await manager.repository.orders_of(position_id)
    # An adopted position has no entry order of ours; an open that got no further than its row has no price either.
    adopted = row.entry_price is not None and all(order.role != ENTRY for order in orders)
    net = row.requested_quantity if adopted else ZERO
    for order in orders:
        report = await manager.desk.look_up(order)
        filled = order.filled if report is None else report.filled_or_zero
        net += filled if order.role == ENTRY else -filled
    return net


async def settle(manager: PositionManager, symbol: str) -> None:
    """Finish a position that a report or its own stop order says is closed."""
    async with manager.policy.guard(symbol):
        state = manager.positions.get(symbol)
        if state is not None and state.status is not PositionStatus.OPENING:
            await settle_tracked(manager, state)


async def settle_tracked(manager: PositionManager, state: PositionState) -> None:
    """Finish a tracked position if there is proof that it is closed; the caller has the turn of its symbol."""
    if await is_over(manager, state):
        await manager.stops.cancel_all(state.id)
        await finish(manager, state)


async def finish(manager: PositionManager, state: PositionState) -> None:
    """Store the position as closed and forget it."""
    references = await book_missing_fills(manager.desk, state.symbol, state.id)
    await manager.repository.finish(state.id, PositionStatus.CLOSED)
    time_ms = await manager.desk.forget(state.symbol, references)
    if manager.positions.get(state.symbol) is state:
        del manager.positions[state.symbol]
    state.status = PositionStatus.CLOSED
    manager.policy.closed(state, time_ms)
    logger.info("%s: position %s closed", state.symbol, state.id)
