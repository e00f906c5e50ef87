"""The order events as write-ahead: merged into the rows in the bot's turn, whatever came before or comes again."""

import logging
from collections.abc import Coroutine, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simharness.managers.bots.ids import bot_id_of
from simharness.managers.bots.records import find_reported_order
from simharness.managers.bots.reports import OrderReport
from simharness.managers.bots.write_ahead.turns import Turns

logger = logging.getLogger(__name__)


class WriteAheadOrderEvents:
    """Applies order updates; repeated and outdated ones change nothing.

    Args:
        session_factory: opens the session that looks up whose an order is.
        turns: the turn of the bot that an update is about.
    """

    def __init__(self, session_factory: async_sessionmaker[AsyncSession], turns: Turns) -> None:
        self._session_factory = session_factory
        self._turns = turns

    def handle(self, order: Mapping[str, Any]) -> Coroutine[Any, Any, None]:
        """Post one unified order structure; what is returned applies it, unless somebody at work with the bot will.

        Whose it is says the client order id: updates of a bot are posted as they were delivered.

        Raises:
            ArithmeticError: a number in it is none.
            ExchangeUnavailable: (when awaited) it is applied, but the next step at the exchange has to wait.
        """
        report = OrderReport.from_ccxt(order)
        bot_id = bot_id_of(report.client_order_id)
        if bot_id is None:
            return self._look_up(report)
        return self._apply(bot_id) if self._turns.post(bot_id, report) else _leave()

    async def _look_up(self, report: OrderReport) -> None:
        async with self._session_factory() as session:
            row = await find_reported_order(session, report)
            bot_id = None if row is None else row.bot_id
        if bot_id is None:
            logger.info("order %s is not one of ours", report.exchange_order_id)
        elif self._turns.post(bot_id, report):
            await self._apply(bot_id)

    async def _apply(self, bot_id: int) -> None:
        await self._turns.apply(bot_id)


async def _leave() -> None:
    """Leave it to whoever is at work with the bot."""
