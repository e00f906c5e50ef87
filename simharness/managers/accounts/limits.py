"""A limit over several rows: write skew, which only SERIALIZABLE prevents, and only together with a retry."""

from collections.abc import Awaitable, Callable
from functools import partial

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from simharness.managers.accounts.failures import retried
from simharness.managers.accounts.tables import accounts

Grow = Callable[[AsyncEngine, int, int], Awaitable[None]]

LIMIT = 10


async def once(engine: AsyncEngine, account: int, by: int) -> None:
    """Grow one account if the sum of all stays within the limit; under the isolation level of the database."""
    async with engine.begin() as connection:
        total = await connection.scalar(select(func.sum(accounts.c.balance))) or 0
        if total + by <= LIMIT:
            grown = {"balance": accounts.c.balance + by}
            await connection.execute(update(accounts).where(accounts.c.id == account).values(grown))


async def retrying(engine: AsyncEngine, account: int, by: int) -> None:
    """The same, again when the server could not fit it in."""
    await retried(partial(once, engine, account, by))


WAYS: dict[str, Grow] = {"once": once, "retrying": retrying}
