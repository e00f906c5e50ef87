"""The order events as they are usually handled: look the order up, see what happened, write it down."""

import logging
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm.attributes import set_committed_value

from simharness.managers.bots.exchange import ExchangeClient
from simharness.managers.bots.models import (
    OWN_REASONS,
    Bot,
    BotStatus,
    CancellationReason,
    Order,
    OrderStatus,
)
from simharness.managers.bots.records import book_fill, find_reported_order, log_activity
from simharness.managers.bots.reports import OrderReport
from simharness.managers.bots.service import place_order

logger = logging.getLogger(__name__)


class OrderEventHandler:
    """Applies order updates as they come; an update about an order that has no row yet is skipped.

    Args:
        session_factory: opens one session per event; the endpoints' sessions are not shared.
        exchange: where the opposite order is placed after a fill.
    """

    def __init__(self, session_factory: async_sessionmaker[AsyncSession], exchange: ExchangeClient) -> None:
        self._session_factory = session_factory
        self._exchange = exchange

    async def handle(self, order: Mapping[str, Any]) -> None:
        """Apply one unified order structure."""
        report = OrderReport.from_ccxt(order)
        async with self._session_factory() as session:
            row = await find_reported_order(session, report)
            if row is None:
                logger.info("update of an unknown order %s skipped", report.exchange_order_id)
            elif report.final_status is OrderStatus.FILLED:
                await self._filled(session, row, report)
            elif report.final_status is not None:
                await self._cancelled(session, row, report)
            elif report.filled:
                await self._partially_filled(session, row, report)

    async def _cancelled(self, session: AsyncSession, row: Order, report: OrderReport) -> None:
        if row.cancellation_reason in OWN_REASONS:
            log_activity(session, row.bot_id, f"Order cancelled for {row.cancellation_reason.lower()} operation")
        else:
            # Read before anything is changed: rows are then locked in the endpoints' order, the bot before its order.
            bot = await session.get_one(Bot, row.bot_id)
            bot.status = BotStatus.STOPPED
            row.cancellation_reason = CancellationReason.MANUAL
            log_activity(session, bot.id, "Order cancelled outside of the bot; bot stopped", "WARNING")
        row.status = OrderStatus.CANCELLED
        book_fill(session, row, report)
        await session.commit()

    async def _filled(self, session: AsyncSession, row: Order, report: OrderReport) -> None:
        won = await self._advance(session, row, OrderStatus.FILLED, report)
        if not won:
            return  # a repeated update: whoever marked the row goes on with the cycle
        log_activity(session, row.bot_id, f"Order filled: {row.side} {row.quantity} at {row.price}")
        await session.commit()
        bot = await session.get_one(Bot, row.bot_id)
        if bot.status is BotStatus.ACTIVE:
            await place_order(session, self._exchange, bot, row)
            await session.commit()

    async def _partially_filled(self, session: AsyncSession, row: Order, report: OrderReport) -> None:
        await self._advance(session, row, OrderStatus.PARTIALLY_FILLED, report)
        await session.commit()

    async def _advance(self, session: AsyncSession, row: Order, status: OrderStatus, report: OrderReport) -> bool:
        """Book what `report` adds and move the row on; return False if there is nothing new in it."""
        while row.is_working:
            if status is not OrderStatus.FILLED and (report.filled or 0) <= row.filled_quantity:
                return False
            # Equal events may come together: whoever finds the row as it was read goes on, the others look again.
            claim = (
                update(Order)
                .where(Order.id == row.id, Order.status == row.status, Order.filled_quantity == row.filled_quantity)
                .values(status=status)
                .execution_options(synchronize_session=False)
            )
            if cast("CursorResult[Any]", await session.execute(claim)).rowcount == 1:
                set_committed_value(row, "status", status)
                book_fill(session, row, report)
                return True
            await session.refresh(row)
        return False
