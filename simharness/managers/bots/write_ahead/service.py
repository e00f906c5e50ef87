"""The bot commands as write-ahead: a command commits what is wanted, then the driver makes it so.

Commands of one bot take turns, with each other and with its order events.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from simharness.managers.bots.errors import BotNotFound, ExchangeUnavailable
from simharness.managers.bots.models import Bot, BotStatus, CancellationReason, Order
from simharness.managers.bots.records import active_bot_ids, find_bot, latest_order
from simharness.managers.bots.schemas import BotCreate, BotUpdate
from simharness.managers.bots.write_ahead.turns import Turns


class WriteAheadBotService:
    """Carries out the commands of `BotCommands`.

    Every command may raise ExchangeUnavailable: the wish is committed then and is fulfilled later.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    async def create(self, session: AsyncSession, wanted: BotCreate) -> Bot:
        """Store a bot together with the intent of its first order, and place that."""
        bot = Bot(**wanted.model_dump(), status=BotStatus.ACTIVE)
        session.add(bot)
        await session.flush()  # for the id; others see the bot no earlier than the intent of its first order
        async with self._turns.take(bot.id, session) as driver:
            await driver.converge(bot, None)
        return bot

    async def update(self, session: AsyncSession, bot_id: int, wanted: BotUpdate) -> Bot:
        """Change the prices and replace the open order."""
        async with self._turns.take(bot_id, session) as driver:
            bot, order = await self._load(session, bot_id)
            bot.reprice(wanted.buy_price, wanted.sell_price)
            _ask_to_cancel(order, CancellationReason.UPDATE)
            await driver.converge(bot, order)
        return bot

    async def start(self, session: AsyncSession, bot_id: int) -> Bot:
        """Let a bot trade; one that does already is left alone."""
        async with self._turns.take(bot_id, session) as driver:
            bot, order = await self._load(session, bot_id)
            if bot.status is not BotStatus.ACTIVE:
                bot.switch(BotStatus.ACTIVE)
                await driver.converge(bot, order)
        return bot

    async def stop(self, session: AsyncSession, bot_id: int) -> Bot:
        """Cancel the open order and place no more."""
        async with self._turns.take(bot_id, session) as driver:
            bot, order = await self._load(session, bot_id)
            bot.switch(BotStatus.STOPPED)
            _ask_to_cancel(order, CancellationReason.STOP)
            await driver.converge(bot, order)
        return bot

    async def delete(self, session: AsyncSession, bot_id: int) -> None:
        """Cancel the open order and forget the bot."""
        async with self._turns.take(bot_id, session) as driver:
            bot, order = await self._load(session, bot_id)
            bot.switch(BotStatus.STOPPED)
            bot.deleted = True
            _ask_to_cancel(order, CancellationReason.DELETE)
            await driver.converge(bot, order)

    async def stop_all(self, session: AsyncSession) -> list[Bot]:
        """Stop every active bot, in the order of their ids; one that cannot be stopped now does not keep the others."""
        stopped: list[Bot] = []
        unavailable: ExchangeUnavailable | None = None
        for bot_id in await active_bot_ids(session):
            try:
                stopped.append(await self.stop(session, bot_id))
            except ExchangeUnavailable as error:
                unavailable = error
            except BotNotFound:
                continue  # deleted meanwhile, which stopped it too
        if unavailable is not None:
            raise unavailable
        return stopped

    async def _load(self, session: AsyncSession, bot_id: int) -> tuple[Bot, Order | None]:
        return await find_bot(session, bot_id), await latest_order(session, bot_id)


def _ask_to_cancel(order: Order | None, reason: CancellationReason) -> None:
    """Mark a working order for the driver; an order that has ended keeps its story."""
    if order is not None and order.is_working:
        order.cancellation_reason = reason
