"""Programs that know nothing of simharness: two writers of one row, by each driver. Their host does not exist."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import aiosqlite
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

import simharness

FAR_HOST = "bot:secret@db.prod.example:6432/trading"
FAR = f"postgresql://{FAR_HOST}"
SCHEMA = (
    "CREATE TABLE test (id integer PRIMARY KEY, value integer NOT NULL)",
    "INSERT INTO test VALUES (1, 10), (2, 20)",
)
READ = "SELECT value FROM test WHERE id = 1"


async def asyncpg_pool(lock: str = "") -> None:
    import asyncpg

    pool = await asyncpg.create_pool(FAR, min_size=2, max_size=3)

    async def add(more: int) -> None:
        async with pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow("SELECT value FROM test WHERE id = $1" + lock, 1)
            await connection.execute("UPDATE test SET value = $1 WHERE id = $2", row["value"] + more, 1)

    await asyncio.gather(add(1), add(2))
    await pool.executemany("INSERT INTO test (id, value) VALUES ($1, $2)", [(3, 30), (4, 40)])
    await pool.close()


async def psycopg_connections(lock: str = "") -> None:
    import psycopg

    async def add(more: int) -> None:
        async with await psycopg.AsyncConnection.connect(FAR) as connection:
            row = await (await connection.execute(f"{READ}{lock}")).fetchone()
            await connection.execute("UPDATE test SET value = %s WHERE id = %s", (row[0] + more, 1))

    await asyncio.gather(add(1), add(2))


async def sqlalchemy_engine(lock: str = "", *, url: str | None = None) -> None:
    engine = create_async_engine(url or simharness.world().database.url)

    async def add(more: int) -> None:
        async with engine.begin() as connection:
            value = await connection.scalar(text(f"{READ}{lock}"))
            await connection.execute(text("UPDATE test SET value = :value WHERE id = 1"), {"value": value + more})

    await asyncio.gather(add(1), add(2))
    await engine.dispose()


async def aiosqlite_connections(begin: str = "BEGIN") -> None:
    path = simharness.world().database.dsn

    async def add(more: int) -> None:
        async with aiosqlite.connect(path, isolation_level=None) as connection:
            await connection.execute(begin)
            cursor = await connection.execute(READ)
            (value,) = await cursor.fetchone()  # type: ignore[misc]  # there is one
            await connection.execute("COMMIT") if begin == "BEGIN" else None
            await connection.execute("UPDATE test SET value = ? WHERE id = 1", (value + more,))
            await connection.execute("COMMIT") if begin != "BEGIN" else None

    await asyncio.gather(add(1), add(2))


ON_POSTGRESQL: dict[str, Any] = {
    "asyncpg pool": asyncpg_pool,
    "psycopg": psycopg_connections,
    "SQLAlchemy on asyncpg": partial(sqlalchemy_engine, url=f"postgresql+asyncpg://{FAR_HOST}"),
    "SQLAlchemy on psycopg": partial(sqlalchemy_engine, url=f"postgresql+psycopg://{FAR_HOST}"),
}


def nothing_is_lost(_: object) -> bool:
    """Look at what is committed, when all is over."""
    (row,) = simharness.world().database.fetch(READ)
    return bool(row["value"] == 13)
