"""Workers that take the next open order and pay for it: none may be paid twice."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from simharness.managers.accounts.failures import LOCKED, sqlstate
from simharness.managers.accounts.tables import accounts, orders

Settle = Callable[[AsyncEngine], Awaitable[dict[str, str]]]

_NEXT = select(orders.c.id).where(orders.c.status == "OPEN").order_by(orders.c.id).limit(1)


async def _settle(locking: dict[str, Any] | None, engine: AsyncEngine) -> dict[str, str]:
    async with engine.begin() as connection:
        order = await connection.scalar(_NEXT if locking is None else _NEXT.with_for_update(**locking))
        if order is None:
            return {"status": "idle"}
        await connection.execute(update(orders).where(orders.c.id == order).values(status="SETTLED"))
        await connection.execute(update(accounts).where(accounts.c.id == 1).values(balance=accounts.c.balance - 1))
    return {"status": f"settled {order}"}


async def nowait(engine: AsyncEngine) -> dict[str, str]:
    """Right: an order that another worker holds is no error, there is just nothing to do now."""
    try:
        return await _settle({"nowait": True}, engine)
    except DBAPIError as error:
        if sqlstate(error) != LOCKED:
            raise
        return {"status": "busy"}


WAYS: dict[str, Settle] = {
    # Wrong: two workers may read the same order.
    "plain": partial(_settle, None),
    # Right: the second worker waits. It then finds the order settled, and goes away although another one is open.
    "for-update": partial(_settle, {}),
    "nowait": nowait,
    # Right: each worker gets another order.
    "skip-locked": partial(_settle, {"skip_locked": True}),
}
