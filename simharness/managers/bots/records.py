"""The few reads and bookings that every part of the manager shares.

None of them commits: where a transaction ends is what the cancel policies differ in.
"""

import time
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
    Trade,
)
from simharness.managers.bots.reports import OrderReport


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
        filled_cost=Decimal(0),
        status=OrderStatus.PENDING,
    )


def unbooked(order: Order, report: OrderReport) -> Decimal:
    """Return how much more of `order` is filled by what `report` says than is booked; nothing if not positive."""
    filled = report.filled
    if filled is None and report.final_status is OrderStatus.FILLED:
        filled = order.quantity
    return Decimal(0) if filled is None else filled - order.filled_quantity


def book_fill(session: AsyncSession, order: Order, report: OrderReport) -> None:
    """Raise the filled quantity of `order` to what `report` says and book the difference; it never falls."""
    quantity = unbooked(order, report)
    if quantity <= 0:
        return
    if report.cost is not None and report.cost > order.filled_cost:
        cost = report.cost - order.filled_cost
    else:
        cost = quantity * order.price  # a limit order's worst case, where the exchange does not say
    session.add(
        Trade(
            order_id=order.id,
            bot_id=order.bot_id,
            side=order.side,
            filled_before=order.filled_quantity,
            quantity=quantity,
            cost=cost,
        )
    )
    order.filled_quantity += quantity
    order.filled_cost += cost


def log_activity(session: AsyncSession, bot_id: int, message: str, level: str = "INFO") -> None:
    """Add a line that the bot's owner will read."""
    session.add(ActivityLog(bot_id=bot_id, level=level, message=message[:500], created_at_ns=time.time_ns()))
