"""psycopg while a statement waits: timeouts, cancels, notifications; and what one execution leaves to the next."""

from __future__ import annotations

import asyncio

import asyncpg
import psycopg
import pytest
from pg_lab import FAR_DSN, connected, prefer

from simharness.errors import Nondeterminism

HOLD, WAIT = "UPDATE bots SET status = 'H' WHERE id = 1", "UPDATE bots SET status = 'W' WHERE id = 1"


async def opened():
    return await psycopg.AsyncConnection.connect(FAR_DSN, autocommit=True)


async def held(holder, seconds):
    async with holder.transaction():
        await holder.execute(HOLD)
        await asyncio.sleep(seconds)


def blocked(act):
    """Return a program in which ``act`` meets a connection whose UPDATE waits for a lock that is held for a minute."""

    async def program():
        holder, waiter = await opened(), await opened()
        holding = asyncio.get_running_loop().create_task(held(holder, 60))
        await asyncio.sleep(1)
        told = await act(waiter)
        usable = (await (await waiter.execute("SELECT status FROM bots WHERE id = 1")).fetchone())[0]
        await holding
        for connection in (holder, waiter):
            await connection.close()
        return told, usable

    return program


def test_a_client_timeout_cancels_the_wait(lab):
    async def act(waiter):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiter.execute(WAIT), 3)
        return round(asyncio.get_running_loop().time())

    assert lab.run(blocked(act)) == (4, "RUNNING")


def test_a_cancel_request_of_another_task_ends_the_wait(lab):
    async def act(waiter):
        waiting = asyncio.get_running_loop().create_task(waiter.execute(WAIT))
        await asyncio.sleep(1)
        await waiter.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            await waiting
        return round(asyncio.get_running_loop().time())

    assert lab.run(blocked(act)) == (2, "RUNNING")


def test_a_cancel_that_would_stop_the_loop_is_refused(lab):
    async def act(waiter):
        waiting = asyncio.get_running_loop().create_task(waiter.execute(WAIT))
        await asyncio.sleep(1)
        with pytest.raises(Nondeterminism, match="cancel_safe"):
            waiter.cancel()
        await waiter.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            await waiting

    assert lab.run(blocked(act)) == (None, "RUNNING")


@pytest.mark.parametrize(
    ("setting", "error", "after"),
    [
        ("SET lock_timeout = '5s'", psycopg.errors.LockNotAvailable, 6),
        ("SET statement_timeout = '7s'", psycopg.errors.QueryCanceled, 8),
    ],
)
def test_timeouts_of_the_server_strike_in_virtual_time(lab, setting, error, after):
    async def act(waiter):
        await waiter.execute(setting)
        with pytest.raises(error):
            await waiter.execute(WAIT)
        return round(asyncio.get_running_loop().time())

    assert lab.run(blocked(act)) == (after, "RUNNING")


def test_a_notification_arrives_after_the_commit(lab):
    async def program():
        listener, speaker = await opened(), await opened()
        await listener.execute("LISTEN fills")

        async def hear():
            return [(heard.channel, heard.payload) async for heard in listener.notifies(stop_after=1)]

        hearing = asyncio.get_running_loop().create_task(hear())
        async with speaker.transaction():
            await speaker.execute("NOTIFY fills, 'o-1'")
        told = await hearing
        for connection in (listener, speaker):
            await connection.close()
        return told

    assert lab.run(program) == [("fills", "o-1")]


def test_a_lock_of_the_session_ends_with_its_connection(lab):
    async def program():
        async with connected(2) as (holder, waiter):
            await holder.execute("SELECT pg_advisory_lock(7)")
            waiting = asyncio.get_running_loop().create_task(waiter.execute("SELECT pg_advisory_lock(7)"))
            await asyncio.sleep(0)
            holder.terminate()
            await waiting
        return "free"

    assert lab.run(program, prefer("execute: SELECT pg_advisory_lock(7)", "disconnect")) == "free"


def test_a_session_of_the_next_execution_is_the_old_one_without_its_settings(lab):
    async def program():
        async with connected(1) as (connection,):
            pid = lab.database.bridge._sessions[0].backend.pid
            before = await connection.fetchval("SHOW search_path")
            await connection.execute("SET search_path = nowhere")
            return pid, before

    first, second = lab.run(program), lab.run(program)
    assert first == second
    assert first[1] == '"$user", public'


def test_executemany_and_prepared_statements_of_asyncpg(lab):
    async def program():
        async with connected(1) as (connection,), connection.transaction(isolation="repeatable_read"):
            await connection.executemany("UPDATE bots SET status = $2 WHERE id = $1", [(1, "A"), (2, "B")])
            prepared = await connection.prepare("SELECT status FROM bots WHERE id = $1")
            return [await prepared.fetchval(row) for row in (1, 2)]

    assert lab.run(program) == ["A", "B"]


def test_opening_a_connection_starts_no_timer_that_could_fail_it(lab):
    async def program():
        loop = asyncio.get_running_loop()
        opening = loop.create_task(asyncpg.connect(FAR_DSN, ssl=False, timeout=60))
        await asyncio.sleep(0)
        timers = [handle for handle in loop._scheduled if not handle._cancelled]
        connection = await opening
        await connection.close()
        return timers

    assert lab.run(program) == []
    assert type(asyncpg.connection.compat).__name__ == "module"
