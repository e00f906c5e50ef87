"""A job that runs once a day, started by every instance of the service; PostgreSQL's advisory locks keep it single."""

from collections.abc import Awaitable, Callable

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from simharness.managers.accounts.tables import accounts, runs

Run = Callable[[AsyncEngine, str], Awaitable[None]]

# Any number that nothing else in this database locks.
_JOB = 4711


async def check_then_run(engine: AsyncEngine, day: str) -> None:
    """Wrong: no row can be locked that is not there yet."""
    async with engine.begin() as connection:
        await _run(connection, day)


async def lock_then_run(engine: AsyncEngine, day: str) -> None:
    """Right: whoever comes second waits, and then sees the run of the first."""
    async with engine.begin() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(_JOB)))
        await _run(connection, day)


async def run_if_first(engine: AsyncEngine, day: str) -> None:
    """Right: whoever comes while another runs leaves it to that one."""
    async with engine.begin() as connection:
        if await connection.scalar(select(func.pg_try_advisory_xact_lock(_JOB))):
            await _run(connection, day)


async def _run(connection: AsyncConnection, day: str) -> None:
    if await connection.scalar(select(func.count()).select_from(runs).where(runs.c.day == day)):
        return
    await connection.execute(update(accounts).where(accounts.c.id == 1).values(balance=accounts.c.balance - 10))
    await connection.execute(insert(runs).values(day=day))


WAYS: dict[str, Run] = {
    "check-then-run": check_then_run,
    "lock-then-run": lock_then_run,
    "run-if-first": run_if_first,
}
