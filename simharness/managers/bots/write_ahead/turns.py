"""A turn: the stretch in which one writer, alone, changes a bot and makes the exchange agree."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simharness.managers.bots.errors import ExchangeUnavailable
from simharness.managers.bots.models import Bot
from simharness.managers.bots.records import latest_order, working_orders
from simharness.managers.bots.write_ahead.driver import BotDriver
from simharness.managers.bots.write_ahead.locks import BotLocks
from simharness.managers.bots.write_ahead.repairs import Repairs


class Turns:
    """Gives out turns, one at a time per bot.

    Args:
        session_factory: opens the sessions of repairs and of all turns outside of a request.
        driver: takes the steps at the exchange.
        locks: who is the writer now.
        repairs: where a bot goes whose turn ended without an answer of the exchange.
    """

    def __init__(
        self, session_factory: async_sessionmaker[AsyncSession], driver: BotDriver, locks: BotLocks, repairs: Repairs
    ) -> None:
        self._session_factory = session_factory
        self._driver = driver
        self._locks = locks
        self._repairs = repairs

    @asynccontextmanager
    async def take(self, bot_id: int) -> AsyncIterator[BotDriver]:
        """Be the only writer of a bot; what the exchange leaves open is scheduled for repair.

        What is read before the turn may be outdated in it: load rows inside only.
        """
        async with self._locks.hold(bot_id):
            try:
                yield self._driver
            except ExchangeUnavailable:
                self._repairs.schedule(bot_id, self.compare)
                raise

    async def compare(self, bot_id: int) -> None:
        """Compare every working order of a bot with the exchange, and go on from there.

        Raises:
            ExchangeUnavailable: the exchange did not answer; a repair is scheduled.
        """
        async with self.take(bot_id) as driver, self._session_factory() as session:
            bot = await session.get_one(Bot, bot_id)
            for order in await working_orders(session, bot_id):
                await driver.verify(session, bot, order)
                await session.commit()
            await driver.converge(session, bot, await latest_order(session, bot_id))
