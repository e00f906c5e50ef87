"""The bot commands as they are usually written: read, change, commit, with the exchange in between.

How a command and its cancel are ordered against the commit is left to a `CancelPolicy`.
"""

from collections.abc import Callable
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from simharness.managers.bots.exchange import BaseError, ExchangeClient, wire_number
from simharness.managers.bots.models import Bot, BotStatus, CancellationReason, Order, OrderStatus
from simharness.managers.bots.records import (
    active_bot_ids,
    find_bot,
    latest_order,
    log_activity,
    next_order,
)
from simharness.managers.bots.schemas import BotCreate, BotUpdate


class CancelPolicy(Protocol):
    """The order in which a cancel is written down, made visible to others, and done."""

    async def cancel(
        self, session: AsyncSession, exchange: ExchangeClient, bot: Bot, order: Order, reason: CancellationReason
    ) -> None:
        """Cancel `order` at the exchange and mark its row; changes that are pending in `session` belong to it."""


def mark_cancelled(order: Order, reason: CancellationReason) -> None:
    """Say in the row that this program cancelled the order, and why."""
    order.cancellation_reason = reason
    order.status = OrderStatus.CANCELLED


async def place_order(session: AsyncSession, exchange: ExchangeClient, bot: Bot, previous: Order | None) -> None:
    """Send the order that follows `previous` and add its row; the caller commits.

    A bot whose order is not accepted goes to ERROR.
    """
    order = next_order(bot, previous)
    try:
        answer = await exchange.create_order(
            bot.ticker, "limit", order.side.value, wire_number(order.quantity), wire_number(order.price)
        )
    except BaseError as error:
        bot.status = BotStatus.ERROR
        log_activity(session, bot.id, f"Order could not be placed: {error}", "ERROR")
        return
    order.exchange_order_id = answer["id"]
    order.client_order_id = answer.get("clientOrderId")
    session.add(order)


class BotService:
    """Carries out the commands of `BotCommands` with the order of writing that `policy` prescribes."""

    def __init__(self, exchange: ExchangeClient, policy: CancelPolicy) -> None:
        self._exchange = exchange
        self._policy = policy

    async def create(self, session: AsyncSession, wanted: BotCreate) -> Bot:
        """Store a bot and place its first order."""
        bot = Bot(**wanted.model_dump(), status=BotStatus.ACTIVE)
        session.add(bot)
        await session.commit()
        await place_order(session, self._exchange, bot, None)
        await session.commit()
        return bot

    async def update(self, session: AsyncSession, bot_id: int, wanted: BotUpdate) -> Bot:
        """Change the prices and replace the open order."""

        def reprice(bot: Bot) -> None:
            bot.reprice(wanted.buy_price, wanted.sell_price)

        bot, cancelled = await self._change_and_cancel(session, bot_id, reprice, CancellationReason.UPDATE)
        if cancelled is not None:
            await place_order(session, self._exchange, bot, cancelled)
        await session.commit()
        return bot

    async def start(self, session: AsyncSession, bot_id: int) -> Bot:
        """Let a bot trade; one that does already is left alone."""
        bot = await find_bot(session, bot_id)
        if bot.status is BotStatus.ACTIVE:
            return bot
        previous = await latest_order(session, bot_id)
        bot.switch(BotStatus.ACTIVE)
        await place_order(session, self._exchange, bot, previous)
        await session.commit()
        return bot

    async def stop(self, session: AsyncSession, bot_id: int) -> Bot:
        """Cancel the open order and place no more."""

        def stop(bot: Bot) -> None:
            bot.switch(BotStatus.STOPPED)

        bot, _ = await self._change_and_cancel(session, bot_id, stop, CancellationReason.STOP)
        await session.commit()
        return bot

    async def delete(self, session: AsyncSession, bot_id: int) -> None:
        """Cancel the open order and forget the bot."""

        def delete(bot: Bot) -> None:
            bot.switch(BotStatus.STOPPED)
            bot.deleted = True

        await self._change_and_cancel(session, bot_id, delete, CancellationReason.DELETE)
        await session.commit()

    async def stop_all(self, session: AsyncSession) -> list[Bot]:
        """Stop every active bot, in the order of their ids."""
        return [await self.stop(session, bot_id) for bot_id in await active_bot_ids(session)]

    async def _change_and_cancel(
        self, session: AsyncSession, bot_id: int, change: Callable[[Bot], None], reason: CancellationReason
    ) -> tuple[Bot, Order | None]:
        """Apply `change` to a bot and cancel its open order; return the bot and the order, None if none was open."""
        bot = await find_bot(session, bot_id)
        order = await latest_order(session, bot_id)
        change(bot)
        if order is None or not order.is_working:
            return bot, None
        await self._policy.cancel(session, self._exchange, bot, order, reason)
        return bot, order
