"""The few reads and bookings that every part of the manager shares.

None of them commits: where a transaction ends is what the cancel policies differ in.
"""

import time
from collections.abc import Iterable
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from simharness.managers.bots.errors import BotNotFound
from simharness.managers.bots.models import (
    WORKING,
    ActivityLog,
    Bot,
    BotStatus,
    Order,
    OrderStatus,
    Side,
    Trade,
)
from simharness.managers.bots.reports import Execution, OrderReport


async def find_bot(session: AsyncSession, bot_id: int) -> Bot:
    """Return a bot as it is committed now.

    Raises:
        BotNotFound: there is none, or it was deleted.
    """
    bot = await session.get(Bot, bot_id, populate_existing=True)
    if bot is None or bot.deleted:
        raise BotNotFound(bot_id)
    return bot


async def list_bots(session: AsyncSession) -> list[Bot]:
    """Return all bots that were not deleted, oldest first."""
    return list(await session.scalars(select(Bot).where(Bot.deleted.is_(False)).order_by(Bot.id)))


async def active_bot_ids(session: AsyncSession) -> list[int]:
    """Return the ids of the bots that trade, oldest first."""
    return list(await session.scalars(select(Bot.id).where(Bot.status == BotStatus.ACTIVE).order_by(Bot.id)))


async def latest_order(session: AsyncSession, bot_id: int) -> Order | None:
    """Return the order that a bot placed last, whatever became of it."""
    newest = select(Order).where(Order.bot_id == bot_id).order_by(Order.id.desc()).limit(1)
    return await session.scalar(newest)


async def working_orders(session: AsyncSession, bot_id: int) -> list[Order]:
    """Return the orders of a bot that have not ended as far as is known, oldest first."""
    working = select(Order).where(Order.bot_id == bot_id, Order.status.in_(WORKING)).order_by(Order.id)
    return list(await session.scalars(working))


async def find_reported_order(session: AsyncSession, report: OrderReport) -> Order | None:
    """Return the row that a report is about: by the exchange's id, else by the id that we gave the order."""
    if report.exchange_order_id is not None:
        order = await session.scalar(select(Order).where(Order.exchange_order_id == report.exchange_order_id))
        if order is not None:
            return order
    if report.client_order_id is not None:
        return await session.scalar(select(Order).where(Order.client_order_id == report.client_order_id))
    return None


def next_order(bot: Bot, previous: Order | None) -> Order:
    """Return the order, not yet sent, with which `bot` goes on after `previous` has ended.

    A filled order is followed by the opposite side; what was left of a cancelled or failed one is tried again.
    """
    if previous is None:
        side, quantity = bot.side, bot.quantity
    elif previous.status is OrderStatus.FILLED or previous.filled_quantity >= previous.quantity:
        side, quantity = previous.side.opposite, bot.quantity
    else:
        side, quantity = previous.side, previous.quantity - previous.filled_quantity
    return Order(
        bot_id=bot.id,
        side=side,
        price=bot.price_of(side),
        quantity=quantity,
        filled_quantity=Decimal(0),
        status=OrderStatus.PENDING,
    )


async def book_executions(session: AsyncSession, order: Order, executions: Iterable[Execution]) -> None:
    """Add a trade for each execution that is not booked yet."""
    executions = tuple(executions)
    if not executions:
        return
    booked = set(await session.scalars(select(Trade.execution_id).where(Trade.order_id == order.id)))
    for execution in executions:
        if execution.id not in booked:
            booked.add(execution.id)
            session.add(_trade(order, execution))


def log_activity(session: AsyncSession, bot_id: int, message: str, level: str = "INFO") -> None:
    """Add a line that the bot's owner will read."""
    session.add(ActivityLog(bot_id=bot_id, level=level, message=message[:500], created_at_ns=time.time_ns()))


def _trade(order: Order, execution: Execution) -> Trade:
    return Trade(
        order_id=order.id,
        bot_id=order.bot_id,
        execution_id=execution.id,
        side=Side(order.side),
        price=execution.price,
        quantity=execution.quantity,
    )
