"""Two requests with one client order id: only one order may come of it, and nobody may see an error."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import Insert, Select, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from simharness.managers.accounts.tables import orders

Place = Callable[[AsyncEngine, str], Awaitable[int | None]]


def _id_of(client_id: str) -> Select[Any]:
    return select(orders.c.id).where(orders.c.client_id == client_id)


def _new(client_id: str) -> Insert:
    return insert(orders).values(client_id=client_id, status="OPEN", filled=0)


async def check_then_insert(engine: AsyncEngine, client_id: str) -> int | None:
    """Wrong: between the look and the insert another request may have inserted."""
    async with engine.begin() as connection:
        known: int | None = await connection.scalar(_id_of(client_id))
        if known is None:
            await connection.execute(_new(client_id))
            known = await connection.scalar(_id_of(client_id))
        return known


async def insert_then_ask(engine: AsyncEngine, client_id: str) -> int | None:
    """Right: the unique index decides, and its refusal is an answer."""
    with suppress(IntegrityError):
        async with engine.begin() as connection:
            await connection.execute(_new(client_id))
    async with engine.connect() as connection:
        known: int | None = await connection.scalar(_id_of(client_id))
        return known


WAYS: dict[str, Place] = {"check-then-insert": check_then_insert, "insert-then-ask": insert_then_ask}
