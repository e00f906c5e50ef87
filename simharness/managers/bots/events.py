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
    WORKING,
    Bot,
    BotStatus,
    CancellationReason,
    Order,
    OrderStatus,
)
from simharness.managers.bots.records import book_executions, find_reported_order, log_activity
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
        row.status = OrderStatus.CANCELLED
        if report.filled is not None:
            row.filled_quantity = report.filled
        await book_executions(session, row, report.executions)
        if row.cancellation_reason in OWN_REASONS:
            log_activity(session, row.bot_id, f"Order cancelled for {row.cancellation_reason.lower()} operation")
        else:
            bot = await session.get_one(Bot, row.bot_id)
            row.cancellation_reason = CancellationReason.MANUAL
            bot.status = BotStatus.STOPPED
            log_activity(session, bot.id, "Order cancelled outside of the bot; bot stopped", "WARNING")
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
        """Move the row on unless it has ended; return whether this session was the one that did."""
        filled = row.quantity if report.filled is None else report.filled
        statement = (
            update(Order)
            .where(Order.id == row.id, Order.status.in_(WORKING))
            .values(status=status, filled_quantity=filled)
            .execution_options(synchronize_session=False)
        )
        result = cast("CursorResult[Any]", await session.execute(statement))
        if result.rowcount == 0:
            return False
        set_committed_value(row, "status", status)
        set_committed_value(row, "filled_quantity", filled)
        await book_executions(session, row, report.executions)
        return True
