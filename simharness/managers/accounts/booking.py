"""Two fills are added to one balance: the classic lost update, and three ways around it."""

from collections.abc import Awaitable, Callable

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from simharness.managers.accounts.tables import accounts

Book = Callable[[AsyncEngine, int], Awaitable[None]]

_ACCOUNT = accounts.c.id == 1
_BALANCE = select(accounts.c.balance).where(_ACCOUNT)


async def read_then_write(engine: AsyncEngine, quantity: int) -> None:
    """Wrong: both may read the same balance."""
    async with engine.begin() as connection:
        balance = await connection.scalar(_BALANCE) or 0
        await connection.execute(update(accounts).where(_ACCOUNT).values(balance=balance + quantity))


async def in_one_statement(engine: AsyncEngine, quantity: int) -> None:
    """Right: the database adds, to the row as it is once the lock is granted."""
    async with engine.begin() as connection:
        await connection.execute(update(accounts).where(_ACCOUNT).values(balance=accounts.c.balance + quantity))


async def for_update(engine: AsyncEngine, quantity: int) -> None:
    """Right where there are row locks: nobody else reads for update meanwhile. SQLite has none."""
    async with engine.begin() as connection:
        balance = await connection.scalar(_BALANCE.with_for_update()) or 0
        await connection.execute(update(accounts).where(_ACCOUNT).values(balance=balance + quantity))


async def version_column(engine: AsyncEngine, quantity: int) -> None:
    """Right: the write counts only if nobody has written since the read; else everything anew."""
    while True:
        async with engine.begin() as connection:
            row = (await connection.execute(select(accounts).where(_ACCOUNT))).one()
            unchanged = _ACCOUNT & (accounts.c.version == row.version)
            new = {"balance": row.balance + quantity, "version": row.version + 1}
            if (await connection.execute(update(accounts).where(unchanged).values(new))).rowcount:
                return


WAYS: dict[str, Book] = {
    "read-then-write": read_then_write,
    "in-one-statement": in_one_statement,
    "for-update": for_update,
    "version-column": version_column,
}
