"""The periodic comparison with the exchange.

A snapshot is evidence, not truth: it may lag behind what the stream has said, it was taken before or
after a command of ours, and a symbol that is absent from it is not thereby flat.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from simharness.managers.positions.closing import close_tracked, finish, is_over, net_quantity
from simharness.managers.positions.errors import OrderMissing, PositionError, PositionExists
from simharness.managers.positions.exchange import FINAL_STATUSES
from simharness.managers.positions.models import OrderRow, PositionRow
from simharness.managers.positions.orders import ENTRY, STOP, book_missing_fills, flatten
from simharness.managers.positions.protection import ensure_stop
from simharness.managers.positions.recovery import recover_rows
from simharness.managers.positions.repository import OPEN_STATUSES
from simharness.managers.positions.state import ZERO, OpenRequest, PositionState, PositionStatus, PositionUpdate, Side

if TYPE_CHECKING:
    from simharness.managers.positions.manager import PositionManager

logger = logging.getLogger(__name__)


async def sync_with_exchange(manager: PositionManager, *, patient: bool = False) -> None:
    """Resolve what is unknown, then apply a snapshot: adopt what nobody tracks, and settle what is over.

    A position that is being opened is left alone, and with `patient` looked at when that is done, also if the
    snapshot does not show it.
    """
    if manager.policy.write_ahead:
        await recover_rows(manager)
        await resolve_orders(manager)
    generations = manager.policy.generations()
    opening = manager.policy.opening() if patient else frozenset()
    snapshot = {update.symbol: update for update in await manager.exchange.fetch_positions()}
    for symbol in sorted({*manager.positions, *snapshot, *opening}):
        if manager.policy.is_opening(symbol) and not patient:
            continue
        async with manager.policy.guard(symbol):
            if manager.policy.is_opening(symbol):
                continue
            try:
                fresh = manager.policy.generation(symbol) == generations.get(symbol, 0)
                update = snapshot.get(symbol)
                if symbol in manager.positions:
                    await _sync_tracked(manager, manager.positions[symbol], update, fresh=fresh)
                elif update is not None and fresh:
                    await adopt(manager, update)
            except PositionError as error:
                logger.warning("%s: not synchronised: %s", symbol, error)


async def _sync_tracked(
    manager: PositionManager, state: PositionState, update: PositionUpdate | None, *, fresh: bool
) -> None:
    if state.status is PositionStatus.CLOSING:
        await close_tracked(manager, state)
        return
    if update is not None and update.says_open:
        state.absences = 0
    elif fresh and (update is None or update.says_flat):
        state.absences += 1
    if fresh and update is not None and manager.policy.is_current(state, update):
        state.apply(update)
        await manager.policy.store(state)
    stop = None if state.stop_reference is None else await manager.repository.get_order(state.stop_reference)
    report = None if stop is None else await manager.desk.look_up(stop)
    stop_is_over = report is not None and report.is_final
    if state.absences >= manager.settings.absences or (stop_is_over and await is_over(manager, state)):
        await manager.stops.cancel_all(state.id)
        await finish(manager, state)
    elif stop_is_over:
        # The position lives, as far as anybody knows, and its stop does not.
        state.stop_reference = None
        await ensure_stop(manager, state)
    if manager.policy.write_ahead and manager.positions.get(state.symbol) is state:
        # The events that told of its executions may have been lost with a connection.
        await book_missing_fills(manager.desk, state.symbol, state.id)


async def adopt(manager: PositionManager, update: PositionUpdate) -> None:
    """Track and protect a position that the exchange reports and that we did not open, or forgot."""
    quantity, price, side = update.quantity, update.entry_price, update.side
    if not update.says_open or manager.policy.is_history(update):
        return
    if not quantity or not price or side is None:
        logger.warning("%s: a position without quantity, price or side is not adopted", update.symbol)
        return
    if any(
        order.symbol == update.symbol and order.role == ENTRY for order in await manager.repository.unresolved_orders()
    ):
        return  # A doubtful entry order explains the position: it is resolved, not adopted.
    distance = manager.settings.default_stop
    stop_price = price * (1 - distance if side == "long" else 1 + distance)
    request = OpenRequest(update.symbol, side, abs(quantity), stop_price)
    try:
        position_id = await manager.repository.create_position(request, exclusive=manager.policy.exclusive)
    except PositionExists:
        return  # Its row is there: recovery or the end of a command takes care of it.
    state = PositionState(position_id, update.symbol, side, abs(quantity), price, stop_price=stop_price)
    state.apply(update)
    manager.positions[update.symbol] = state
    await manager.policy.activate(state)
    await ensure_stop(manager, state)
    logger.info("%s: adopted %s contracts as position %s", update.symbol, quantity, position_id)


async def resolve_orders(manager: PositionManager) -> None:
    """Find out about orders whose end is unknown, and undo those that nobody wants any more."""
    for order in await manager.repository.unresolved_orders():
        if manager.policy.is_opening(order.symbol):
            continue
        async with manager.policy.guard(order.symbol):
            if manager.policy.is_opening(order.symbol):
                continue
            try:
                await _resolve(manager, order)
            except PositionError as error:
                logger.warning("%s: not resolved: %s", order.reference, error)


async def _resolve(manager: PositionManager, order: OrderRow) -> None:
    position = await manager.repository.get_position(str(order.position_id))
    if order.reference == position.stop_reference and position.status in OPEN_STATUSES:
        return
    report = await manager.desk.look_up(order)
    if report is None:
        await _write_off(manager, order)
        return
    if order.role == ENTRY and not report.is_final:
        report = await manager.desk.cancel(order) or report
    if order.role == STOP and not report.is_final:
        await manager.desk.cancel(order)
    if position.status not in OPEN_STATUSES:
        await _undo(manager, position)
        await manager.desk.forget(order.symbol, [order.reference])


async def _write_off(manager: PositionManager, order: OrderRow) -> None:
    """Give up an order that the exchange has never heard of for so long that the request must be lost."""
    age_ms = manager.repository.now_ms() - order.created_at_ms
    if order.exchange_id is not None or order.status in FINAL_STATUSES or age_ms < manager.desk.timing.lost_after_ms:
        return
    fetch, conditional = manager.exchange.fetch_order, order.role == STOP
    try:
        await manager.desk.insist(partial(fetch, order.symbol, client_id=order.reference, conditional=conditional))
    except OrderMissing:
        # It says so. That nobody answers would prove nothing.
        await manager.desk.on_lost(order)
        logger.warning("%s: never arrived at the exchange", order.reference)


async def _undo(manager: PositionManager, position: PositionRow) -> None:
    """Close what a failed open turns out to have bought."""
    left: Decimal = await net_quantity(manager, str(position.id))
    if left <= ZERO:
        return
    logger.warning("%s: position %s was thought to have failed; closing %s", position.symbol, position.id, left)
    await manager.repository.reopen_for_closing(str(position.id))
    side: Side = "long" if position.side == "long" else "short"
    state = PositionState(str(position.id), position.symbol, side, left, position.entry_price or ZERO)
    if await flatten(manager.desk, state, left) <= ZERO:
        await manager.stops.cancel_all(state.id)
        await finish(manager, state)
