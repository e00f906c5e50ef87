"""A change of price and a fill write the same two rows; in opposite orders they deadlock."""

from collections.abc import Awaitable, Callable
from functools import partial

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from simharness.managers.accounts.failures import retried
from simharness.managers.accounts.tables import bots, orders

Fill = Callable[[AsyncEngine], Awaitable[None]]

_BOT = _ORDER = 1
_TOUCH_BOT = update(bots).where(bots.c.id == _BOT)
_FILLED = update(orders).where(orders.c.id == _ORDER).values(filled=1, status="FILLED")


async def reprice(engine: AsyncEngine) -> None:
    """The endpoint: the bot, then its order."""
    async with engine.begin() as connection:
        await connection.execute(_TOUCH_BOT.values(price=99))
        await connection.execute(update(orders).where(orders.c.id == _ORDER).values(reason="UPDATE"))


async def order_first(engine: AsyncEngine) -> None:
    """Wrong on PostgreSQL: the order, then its bot, as the event came in. One of the two transactions is given up."""
    async with engine.begin() as connection:
        await connection.execute(_FILLED)
        await connection.execute(_TOUCH_BOT.values(status="FILLED"))


async def bot_first(engine: AsyncEngine) -> None:
    """Right: everybody takes the rows in one order."""
    async with engine.begin() as connection:
        await connection.execute(_TOUCH_BOT.values(status="FILLED"))
        await connection.execute(_FILLED)


async def order_first_retried(engine: AsyncEngine) -> None:
    """Not enough: only this side tries again, and the server may give up the other."""
    await retried(partial(order_first, engine))


WAYS: dict[str, Fill] = {
    "order-first": order_first,
    "order-first-retried": order_first_retried,
    "bot-first": bot_first,
}
