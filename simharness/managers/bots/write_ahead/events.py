"""The order events as write-ahead: merged into the rows in the bot's turn, whatever came before or comes again."""

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simharness.managers.bots.ids import bot_id_of
from simharness.managers.bots.models import Bot, CancellationReason
from simharness.managers.bots.records import find_reported_order, latest_order
from simharness.managers.bots.reports import OrderReport
from simharness.managers.bots.write_ahead.merge import apply_report
from simharness.managers.bots.write_ahead.turns import Turns

logger = logging.getLogger(__name__)


class WriteAheadOrderEvents:
    """Applies order updates; repeated and outdated ones change nothing.

    Args:
        session_factory: opens one session per event.
        turns: the turn of the bot that an update is about.
    """

    def __init__(self, session_factory: async_sessionmaker[AsyncSession], turns: Turns) -> None:
        self._session_factory = session_factory
        self._turns = turns

    async def handle(self, order: Mapping[str, Any]) -> None:
        """Apply one unified order structure.

        Raises:
            ExchangeUnavailable: the update is applied, but the next step at the exchange has to wait.
        """
        report = OrderReport.from_ccxt(order)
        bot_id = await self._bot_id(report)
        if bot_id is None:
            logger.info("order %s is not one of ours", report.exchange_order_id)
            return
        async with self._turns.take(bot_id) as driver, self._session_factory() as session:
            row = await find_reported_order(session, report)
            if row is None:
                logger.warning("order %s names bot %s, which did not place it", report.exchange_order_id, bot_id)
                return
            bot = await session.get_one(Bot, row.bot_id)
            apply_report(session, bot, row, report)
            last = await latest_order(session, row.bot_id)
            if row is not last and row.is_working:
                # It was given up for lost and replaced, and reached the exchange after all.
                row.cancellation_reason = CancellationReason.UPDATE
                await driver.cancel(session, bot, row)
            await driver.converge(session, bot, last)

    async def _bot_id(self, report: OrderReport) -> int | None:
        """Return whose order it is; read from the client order id, so that updates queue up as they were delivered."""
        bot_id = bot_id_of(report.client_order_id)
        if bot_id is not None:
            return bot_id
        async with self._session_factory() as session:
            row = await find_reported_order(session, report)
            return None if row is None else row.bot_id
