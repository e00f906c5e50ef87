"""A turn: the stretch in which one writer, alone, changes a bot and makes the exchange agree."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simharness.managers.bots.background import BackgroundTasks
from simharness.managers.bots.exchange import ExchangeClient
from simharness.managers.bots.models import Bot, CancellationReason, Order
from simharness.managers.bots.records import find_reported_order, latest_order, working_orders
from simharness.managers.bots.reports import OrderReport
from simharness.managers.bots.retry import RetryPlan
from simharness.managers.bots.write_ahead.driver import BotDriver
from simharness.managers.bots.write_ahead.locks import BotLocks
from simharness.managers.bots.write_ahead.mail import Mail
from simharness.managers.bots.write_ahead.merge import apply_report
from simharness.managers.bots.write_ahead.repairs import PASSING, Repairs

logger = logging.getLogger(__name__)


class Turns:
    """Gives out turns, one at a time per bot.

    Args:
        session_factory: opens the sessions of all turns outside of a request.
        exchange: where the orders are.
        retry: the patience with an exchange that does not answer.
        background: runs the turns that reports need which came during another one.

    Attributes:
        locks: who is the writer now.
        mail: reports that wait for the end of a turn.
        repairs: where a bot goes whose turn ended without an answer of the exchange or of the database.
    """

    def __init__(
        self,
        session_factory: async_sessionmaker[AsyncSession],
        exchange: ExchangeClient,
        retry: RetryPlan,
        background: BackgroundTasks,
    ) -> None:
        self._session_factory = session_factory
        self._exchange = exchange
        self._retry = retry
        self._background = background
        self.locks = BotLocks()
        self.mail = Mail()
        self.repairs = Repairs(retry.repair_delay_s)

    @asynccontextmanager
    async def take(self, bot_id: int, session: AsyncSession) -> AsyncIterator[BotDriver]:
        """Be the only writer of a bot; what exchange or database leave open is scheduled for repair.

        What is read before the turn may be outdated in it: load rows inside only. A turn that ends without an error has
        committed everything.
        """
        driver = BotDriver(self._exchange, self._retry, session)
        try:
            async with self.locks.hold(bot_id):
                try:
                    yield driver
                except PASSING:
                    self.repairs.schedule(bot_id, self.compare)
                    raise
                self.mail.learn(bot_id, driver.driven)
        finally:
            # In one go with letting the bot loose: a report comes either before this or finds nobody at work.
            if bot_id not in self.locks and self.mail.sort(bot_id):
                self._background.spawn(self.apply(bot_id), f"late reports of bot {bot_id}")

    def post(self, bot_id: int, report: OrderReport) -> bool:
        """Keep a report for the next turn; return whether the caller has to take one, with `apply`.

        It has not if somebody is at work with the bot, who will look at the mail in the end, or was asked before.
        """
        asked = bot_id in self.mail
        self.mail.post(bot_id, [report])
        return not asked and bot_id not in self.locks

    async def apply(self, bot_id: int) -> None:
        """Apply what was posted about a bot, and go on from there.

        Raises:
            ExchangeUnavailable: the next step at the exchange has to wait.
        """
        async with self._session_factory() as session, self.take(bot_id, session) as driver:
            reports = self.mail.take(bot_id)
            bot = await session.get(Bot, bot_id) if reports else None
            if bot is None:
                return
            last = await latest_order(session, bot_id)
            try:
                while reports:
                    await self._apply(session, driver, bot, last, reports.pop(0))
            except BaseException:
                self.mail.post(bot_id, reports)  # one that cannot be applied does not take the others with it
                raise
            await driver.converge(bot, last)

    async def _apply(
        self, session: AsyncSession, driver: BotDriver, bot: Bot, last: Order | None, report: OrderReport
    ) -> None:
        row = await find_reported_order(session, report)
        if row is None or row.bot_id != bot.id:
            logger.warning("order %s names bot %s, which did not place it", report.exchange_order_id, bot.id)
            return
        apply_report(session, bot, row, report)
        if row is not last and row.is_working:
            # It was given up for lost and replaced, and reached the exchange after all.
            row.cancellation_reason = CancellationReason.UPDATE
            await driver.cancel(bot, row)

    async def compare(self, bot_id: int) -> None:
        """Compare every working order of a bot with the exchange, and go on from there.

        Raises:
            ExchangeUnavailable: the exchange did not answer; a repair is scheduled.
        """
        async with self._session_factory() as session, self.take(bot_id, session) as driver:
            bot = await session.get_one(Bot, bot_id)
            for order in await working_orders(session, bot_id):
                await driver.verify(bot, order)
                await session.commit()
            await driver.converge(bot, await latest_order(session, bot_id))
