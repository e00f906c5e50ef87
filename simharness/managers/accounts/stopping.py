"""An update cancels the bot's order; the handler of the cancellation must not take it for one by hand.

The endpoint marks the order and cancels before it commits ("flush before cancel"), so the handler may look too early.
"""

from collections.abc import Awaitable, Callable

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from simharness.managers.accounts.tables import bots, orders

Stop = Callable[[AsyncEngine], Awaitable[None]]

_BOT = _ORDER = 1
_REASON = select(orders.c.reason).where(orders.c.id == _ORDER)
_STOPPED = update(bots).where(bots.c.id == _BOT).values(status="STOPPED")


async def change_price(engine: AsyncEngine, cancel: Callable[[], None]) -> None:
    """The endpoint: both rows are written, not committed, when the exchange hears of the cancel.

    Args:
        engine: the database.
        cancel: asks the exchange, which tells the handler at once.
    """
    async with engine.begin() as connection:
        await connection.execute(update(bots).where(bots.c.id == _BOT).values(price=99))
        await connection.execute(update(orders).where(orders.c.id == _ORDER).values(reason="UPDATE"))
        cancel()


async def read_then_write(engine: AsyncEngine) -> None:
    """Wrong on every database: what was read is old when it is acted upon."""
    async with engine.begin() as connection:
        if await connection.scalar(_REASON) is None:
            await connection.execute(_STOPPED)


async def in_one_statement(engine: AsyncEngine) -> None:
    """Wrong on PostgreSQL: the subquery reads, then the row lock is waited for, and the answer is not asked again."""
    async with engine.begin() as connection:
        await connection.execute(_STOPPED.where(_REASON.scalar_subquery().is_(None)))


async def lock_then_read(engine: AsyncEngine) -> None:
    """Right where there are row locks: whoever holds the order's row has told what it does with it."""
    async with engine.begin() as connection:
        if await connection.scalar(_REASON.with_for_update()) is None:
            await connection.execute(_STOPPED)


WAYS: dict[str, Stop] = {
    "read-then-write": read_then_write,
    "in-one-statement": in_one_statement,
    "lock-then-read": lock_then_read,
}
