"""Programs that know nothing of simharness, on asyncpg, psycopg and SQLAlchemy."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime

import asyncpg
import psycopg
import psycopg_pool
import pytest
from pg_lab import EPOCH_NS, FAR_DSN, connected, prefer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from test_pg_own_server import own_url

from simharness.database.postgresql.database import PostgresqlDatabase
from simharness.database.postgresql.own_server import OwnServer

FAR_HOST = FAR_DSN.removeprefix("postgresql://")
ENGINES = [f"postgresql+{driver}://{FAR_HOST}" for driver in ("asyncpg", "psycopg")]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def asyncpg_pool():
    async with asyncpg.create_pool(FAR_DSN, ssl=False, min_size=1, max_size=2) as pool:
        await pool.executemany("INSERT INTO bots (id, status) VALUES ($1, $2)", [(5, "A"), (6, "B")])
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("UPDATE bots SET status = $2 WHERE id = $1", 5, "C")
            row = await connection.fetchrow("SELECT id, status FROM bots WHERE id = $1", 5)
        return tuple(row), await pool.fetchval("SELECT count(*) FROM bots")


def test_a_raw_asyncpg_pool_runs_unmodified_against_a_host_that_does_not_exist(lab):
    assert lab.run(asyncpg_pool) == ((5, "C"), 4)


def test_a_client_that_insists_on_tls_is_served(lab):
    async def program():
        context = ssl.create_default_context()
        connection = await asyncpg.connect(FAR_DSN, ssl=context)
        value = await connection.fetchval("SELECT 41 + 1")
        await connection.close()
        return value

    assert lab.run(program) == 42


async def asyncpg_corners():
    async with connected(1) as (connection,):
        found = []
        async with connection.transaction():
            cursor = connection.cursor("SELECT g FROM generate_series(1, 5) g", prefetch=2)
            found.extend([row["g"] async for row in cursor])
            try:
                async with connection.transaction():
                    await connection.execute("INSERT INTO bots (id, status) VALUES (1, 'twice')")
            except asyncpg.UniqueViolationError:
                found.append("savepoint")
        await connection.copy_records_to_table("bots", records=[(7, "copied")], columns=["id", "status"])
        found.append(await connection.fetchval("SELECT status FROM bots WHERE id = 7"))
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await connection.fetchval("SELEC 1")
        return found


def test_cursors_savepoints_copy_and_errors_pass_through_the_bridge(lab):
    assert lab.run(asyncpg_corners) == [1, 2, 3, 4, 5, "savepoint", "copied"]


async def psycopg_corners():
    async with await psycopg.AsyncConnection.connect(FAR_DSN + "?sslmode=require") as connection:
        async with connection.cursor("named") as cursor:
            await cursor.execute("SELECT g FROM generate_series(1, 5) g")
            found = [row[0] async for row in cursor]
        async with connection.pipeline():
            one = await connection.execute("SELECT %s::int", (1,))
            two = await connection.execute("SELECT %s::int", (2,))
            found += [(await one.fetchone())[0], (await two.fetchone())[0]]
        try:
            async with connection.transaction():
                await connection.execute("INSERT INTO bots (id, status) VALUES (1, 'twice')")
        except psycopg.errors.UniqueViolation:
            found.append("savepoint")
        async with connection.cursor() as cursor, cursor.copy("COPY bots (id, status) FROM STDIN") as copy:
            await copy.write_row((7, "copied"))
        row = await (await connection.execute("SELECT status FROM bots WHERE id = 7")).fetchone()
        return [*found, row[0]]


def test_psycopg_runs_unmodified_with_server_side_cursors_pipelines_and_copy(lab):
    assert lab.run(psycopg_corners) == [1, 2, 3, 4, 5, 1, 2, "savepoint", "copied"]


async def psycopg_pool_program():
    async with psycopg_pool.AsyncConnectionPool(FAR_DSN, min_size=1, max_size=2, open=False) as pool:
        async with pool.connection() as connection:
            await connection.execute("UPDATE bots SET status = 'P' WHERE id = 1")
        async with pool.connection() as connection:
            return (await (await connection.execute("SELECT status FROM bots WHERE id = 1")).fetchone())[0]


def test_a_psycopg_pool_runs_unmodified(lab):
    assert lab.run(psycopg_pool_program) == "P"


def test_psycopg_is_as_it_was_after_an_execution(lab):
    before = (psycopg.waiting.wait_async, psycopg.AsyncConnection.connect.__func__)
    lab.run(psycopg_pool_program)
    assert before == (psycopg.waiting.wait_async, psycopg.AsyncConnection.connect.__func__)


def transfer(url):
    async def program():
        engine = create_async_engine(url)

        async def write(status):
            async with engine.begin() as connection:
                seen = await connection.scalar(text("SELECT status FROM bots WHERE id = :id"), {"id": 1})
                await connection.execute(text("UPDATE bots SET status = :s WHERE id = :id"), {"s": status, "id": 1})
            return seen

        seen = await asyncio.gather(write("A"), write("B"))
        async with engine.connect() as connection:
            final = await connection.scalar(text("SELECT status FROM bots WHERE id = 1"))
        await engine.dispose()
        return (*seen, final)

    return program


LOST_UPDATE = {
    ("RUNNING", "RUNNING", "A"),
    ("RUNNING", "RUNNING", "B"),
    ("RUNNING", "A", "B"),
    ("B", "RUNNING", "A"),
}


@pytest.mark.parametrize("url", ENGINES)
def test_sqlalchemy_on_either_driver_has_the_outcomes_of_read_committed(lab, url):
    # Fixed orders: enumerating all of them is the explorer's work, not this test's.
    read, write, commit = "execute: SELECT status", "execute: UPDATE", "execute: COMMIT"
    found = set()
    for order in ((read, write, commit), (read, "deliver: reply to SELECT", read), (read, read, write, commit)):
        found.add(lab.run(transfer(url), prefer(*order)))
        found.add(lab.run(transfer(url), lambda enabled, order=order: len(enabled) - 1))
    assert found <= LOST_UPDATE
    assert len(found) > 1


@pytest.mark.parametrize("url", ENGINES)
def test_the_same_schedule_gives_the_same_events_and_results_twenty_times(lab, url):
    seen = set()
    for _ in range(20):
        result = lab.run(transfer(url), lambda enabled: len(enabled) // 2)
        seen.add((result, tuple(lab.agenda.trace), tuple(text for text, _ in lab.agenda.footprints)))
    assert len(seen) == 1


@pytest.mark.parametrize(
    "expression",
    [
        "now()",
        "CURRENT_TIMESTAMP",
        "current_timestamp(3)",
        "statement_timestamp()",
        "clock_timestamp()",
        "transaction_timestamp()",
        "localtimestamp AT TIME ZONE 'UTC'",
        "(CURRENT_DATE + time '03:04:05') AT TIME ZONE 'UTC'",
    ],
)
def test_every_spelling_of_now_tells_virtual_time(lab, expression):
    async def program():
        async with connected(1) as (connection,):
            return await connection.fetchval(f"SELECT {expression}")

    assert lab.run(program) == NOW


def test_a_column_default_follows_the_virtual_clock(lab):
    async def program():
        async with connected(1) as (connection,):
            await asyncio.sleep(60)
            return await connection.fetchval("INSERT INTO bots (id, status) VALUES (8, 'N') RETURNING changed")

    assert lab.run(program) == NOW.replace(minute=5)


def test_a_default_that_filled_a_row_before_the_execution_is_the_same_every_day(lab):
    async def program():
        async with connected(1) as (connection,):
            return await connection.fetchval("SELECT changed FROM bots WHERE id = 1")

    assert lab.run(program) == NOW


DEFAULTS = """
CREATE TABLE stamped (id int PRIMARY KEY, a timestamptz DEFAULT CURRENT_TIMESTAMP(3), b date DEFAULT CURRENT_DATE,
  c timestamptz DEFAULT (CURRENT_TIMESTAMP + interval '1 day'), d text DEFAULT 'CURRENT', e timestamp DEFAULT now());
INSERT INTO stamped (id) VALUES (1);
ALTER TABLE stamped ADD COLUMN f timestamp DEFAULT LOCALTIMESTAMP;
INSERT INTO stamped (id) VALUES (2);
"""


def test_defaults_in_every_spelling_follow_the_virtual_clock_from_the_first_row(server):
    def set_up(url):
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute(DEFAULTS)

    with OwnServer(own_url(server)) as own:
        database = PostgresqlDatabase(own)
        database.prepare(set_up, epoch_ns=EPOCH_NS)
        rows = database.read("SELECT a::text, b::text, c::text, d, e::text, f::text FROM stamped WHERE id = 2")
        assert database.query("SELECT count(DISTINCT (a, b, c, e)) FROM stamped") == [["1"]]
        database.close()
    now = "2026-01-02 03:04:05"
    assert list(rows[0].values()) == [f"{now}+00", "2026-01-02", "2026-01-03 03:04:05+00", "CURRENT", now, now]


def test_a_string_that_spells_a_keyword_is_left_alone(lab):
    async def program():
        async with connected(1) as (connection,):
            return await connection.fetchval("SELECT 'CURRENT_DATE' AS \"current_time\" -- LOCALTIME")

    assert lab.run(program) == "CURRENT_DATE"


def test_each_execution_starts_from_the_same_rows_and_sequences(lab):
    async def program():
        async with connected(1) as (connection,):
            order = await connection.fetchval("INSERT INTO orders (bot_id) VALUES (2) RETURNING id")
            return order, await connection.fetchval("SELECT count(*) FROM orders")

    assert [lab.run(program) for _ in range(3)] == [(2, 2)] * 3


def test_a_table_that_an_execution_creates_is_gone_in_the_next(lab):
    async def program():
        async with connected(1) as (connection,):
            before = await connection.fetchval("SELECT to_regclass('extra')")
            await connection.execute("CREATE TABLE extra (id int)")
            return before

    assert [lab.run(program) for _ in range(2)] == [None, None]
