"""Two short transactions that meet: every interleaving of them on a real database, as a plain asyncio program."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import FunctionType
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import simharness
from simharness.database.pool import warm_up

Script = tuple[str, ...]
# What one transaction read, in order; then the server's code for the error that ended it, or "".
Told = tuple[Any, ...]
Outcome = tuple[Told, Told, Any]
TWO_ROWS = (
    "CREATE TABLE test (id integer PRIMARY KEY, value integer NOT NULL)",
    "INSERT INTO test VALUES (1, 10), (2, 20)",
)


def meeting(scripts: tuple[Script, ...], final: str, begin: str) -> Callable[[], Coroutine[Any, Any, Any]]:
    """Return a program that plays scripts of statements at once, each in a transaction and a session of its own.

    Args:
        scripts: the statements; a SELECT returns one value, ``ROLLBACK`` gives up.
        final: a query for what is committed in the end.
        begin: an explicit BEGIN, where the driver's own is not meant.
    """

    async def program() -> Callable[[], Outcome]:
        database = simharness.world().database
        engine = create_async_engine(database.url)
        await warm_up(engine, len(scripts))
        told: list[list[Any]] = [[] for _ in scripts]
        for script, heard in zip(scripts, told, strict=True):
            asyncio.create_task(play(engine, (begin, *script) if begin else script, heard))
        return lambda: (*map(tuple, told), *database.fetch(final)[0].values())

    return program


async def play(engine: AsyncEngine, script: Script, told: list[Any]) -> None:
    """Run one transaction, and note what it reads and how it ends."""
    error = ""
    try:
        async with engine.connect() as connection:
            for statement in script:
                if statement.startswith("SELECT"):
                    told.append(await connection.scalar(text(statement)))
                elif statement == "ROLLBACK":
                    await connection.rollback()
                else:
                    await connection.execute(text(statement))
            await connection.commit()
    except DBAPIError as failure:
        error = code_of(failure)
    told.append(error)


def code_of(failure: DBAPIError) -> str:
    """The SQLSTATE on PostgreSQL, the words on SQLite."""
    return str(getattr(failure.orig, "sqlstate", None) or failure.orig)


def explored(
    scripts: tuple[Script, ...], final: str, begin: str = "", tables: tuple[str, ...] = TWO_ROWS, **database: str
) -> simharness.Result:
    """Explore every interleaving of scripts; the rest is the database."""
    result = simharness.explore(meeting(scripts, final, begin), database=database, schema=tables, executions=None)
    assert (result.verdict, result.blocked, result.duplicates) == ("proven", 0, 0), result.certificate.holes
    return result


def outcomes(scripts: tuple[Script, ...], final: str, **setting: Any) -> set[Outcome]:
    """Return what every interleaving of two scripts comes to; fails unless the search is exhausted."""
    return set(explored(scripts, final, **setting).outcomes)


def sampled(
    scripts: tuple[Script, ...], final: str, executions: int, tables: tuple[str, ...] = TWO_ROWS, **database: str
) -> set[Outcome]:
    """Return what random walks come to, which know nothing of what depends on what."""
    walked = simharness.explore(
        meeting(scripts, final, ""), database=database, schema=tables, strategy="random", executions=executions
    )
    return set(walked.outcomes)


# Stands in for what a test takes away from simharness, as a part of it: code that nobody knows would make all steps
# depend on each other.
nothing = FunctionType((lambda *_: ()).__code__, {"__name__": "simharness.nothing"})
