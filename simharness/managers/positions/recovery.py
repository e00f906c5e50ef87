"""After a crash: the process forgot everything, the database and the exchange did not.

Every open row is brought to where its orders have left it: what was bought is tracked and protected,
what was being closed is closed, and what never happened is removed.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING

from simharness.managers.positions.closing import close_tracked, finish, net_quantity
from simharness.managers.positions.errors import PositionError, StopLossFailed
from simharness.managers.positions.exchange import FINAL_STATUSES
from simharness.managers.positions.models import PositionRow
from simharness.managers.positions.orders import CLOSE, ENTRY, STOP, OrderDesk
from simharness.managers.positions.protection import ensure_stop
from simharness.managers.positions.repository import OPEN_STATUSES
from simharness.managers.positions.state import ZERO, PositionState, PositionStatus
from simharness.managers.positions.write_ahead import WriteAheadDesk

if TYPE_CHECKING:
    from simharness.managers.positions.manager import PositionManager

logger = logging.getLogger(__name__)


async def recover_rows(manager: PositionManager) -> None:
    """Reconcile every open row that nobody tracks with its orders.

    The synchronisation does this too, for rows that a failing database has orphaned.
    """
    for row in await manager.repository.open_positions():
        if row.symbol in manager.positions or manager.policy.is_opening(row.symbol):
            continue
        async with manager.policy.guard(row.symbol):
            if row.symbol in manager.positions or manager.policy.is_opening(row.symbol):
                continue
            try:
                await _recover_row(manager, await manager.repository.get_position(str(row.id)))
            except PositionError as error:
                logger.warning("%s: position %s not recovered yet: %s", row.symbol, row.id, error)


async def _recover_row(manager: PositionManager, row: PositionRow) -> None:
    if row.status not in OPEN_STATUSES:
        return
    position_id = str(row.id)
    await _learn_outcomes(manager.desk, position_id)
    await manager.desk.save(row.symbol)
    left = await net_quantity(manager, position_id)
    orders = await manager.repository.orders_of(position_id)
    bought = any(order.filled > ZERO for order in orders if order.role == ENTRY)
    adopted = row.entry_price is not None and all(order.role != ENTRY for order in orders)
    state = _state_of(row, left, await _average_price(manager, position_id, row))
    if left <= ZERO and not bought and not adopted:
        logger.info("%s: the open of position %s never happened", row.symbol, row.id)
        await manager.repository.finish(position_id, PositionStatus.FAILED)
        await manager.desk.forget(row.symbol, [order.reference for order in orders])
        return
    if left <= ZERO:
        await manager.stops.cancel_all(position_id)
        await finish(manager, state)
        return
    manager.positions[row.symbol] = state
    if row.status == PositionStatus.CLOSING or any(order.role == CLOSE for order in orders):
        await close_tracked(manager, state)
        return
    await _protect(manager, state)
    logger.info("%s: position %s recovered with %s contracts", row.symbol, row.id, left)


async def _learn_outcomes(desk: OrderDesk, position_id: str) -> None:
    """Ask for every order that may still change; one that was never answered gets several chances."""
    for order in await desk.repository.orders_of(position_id):
        if order.status in FINAL_STATUSES or not isinstance(desk, WriteAheadDesk):
            continue
        report = await desk.resolve(order.reference, order.symbol, conditional=order.role == STOP)
        if report is not None and order.role != STOP and not report.is_final:
            await desk.wait_final(order.reference, report)


def _state_of(row: PositionRow, quantity: Decimal, entry_price: Decimal) -> PositionState:
    return PositionState(
        id=str(row.id),
        symbol=row.symbol,
        side="long" if row.side == "long" else "short",
        quantity=quantity,
        entry_price=entry_price,
        mark_price=row.mark_price,
        stop_price=row.stop_price,
        trailing=row.trailing,
    )


async def _average_price(manager: PositionManager, position_id: str, row: PositionRow) -> Decimal:
    """Return the entry price: as stored, else of the entry order, else of the market."""
    if row.entry_price:
        return row.entry_price
    for order in await manager.repository.orders_of(position_id):
        if order.role == ENTRY and order.average_price:
            return order.average_price
    return await manager.exchange.fetch_mark_price(row.symbol) or row.stop_price


async def _protect(manager: PositionManager, state: PositionState) -> None:
    """Keep the newest stop that works, and place one if none does."""
    working = [
        order
        for order in await manager.repository.orders_of(state.id)
        if order.role == STOP and order.status not in FINAL_STATUSES and order.exchange_id is not None
    ]
    if working:
        state.stop_reference = working[-1].reference
        state.stop_price = working[-1].trigger_price
    await manager.policy.activate(state)
    if not working:
        try:
            await ensure_stop(manager, state)
        except StopLossFailed as error:
            logger.warning("%s: closed, as an open without a stop would be: %s", state.symbol, error)
            await close_tracked(manager, state)
            return
    await manager.stops.cancel_all(state.id, keep=state.stop_reference)
