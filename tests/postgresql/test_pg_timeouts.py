"""What ends a wait besides its lock: timeouts in virtual time, cancel requests, clients that leave."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from pg_lab import connected, prefer

HOLD, WAIT = "UPDATE bots SET status = 'H' WHERE id = 1", "UPDATE bots SET status = 'W' WHERE id = 1"


async def hold_for(connection, seconds):
    async with connection.transaction():
        await connection.execute(HOLD)
        await asyncio.sleep(seconds)


def waiting_under(setting, hold_s=60):
    async def program():
        async with connected(2) as (holder, waiter):
            loop = asyncio.get_running_loop()
            held = loop.create_task(hold_for(holder, hold_s))
            await asyncio.sleep(1)
            await waiter.execute(setting)
            started = loop.time()
            try:
                await waiter.execute(WAIT)
            except asyncpg.PostgresError as error:
                result = (type(error), round(loop.time() - started))
            else:
                result = ("done", round(loop.time() - started))
            await held
            return result

    return program


def test_a_lock_timeout_strikes_in_virtual_time(lab):
    assert lab.run(waiting_under("SET lock_timeout = '5s'")) == (asyncpg.LockNotAvailableError, 5)


def test_a_statement_timeout_strikes_in_virtual_time(lab):
    assert lab.run(waiting_under("SET statement_timeout = 7000")) == (asyncpg.QueryCanceledError, 7)


def test_a_timeout_that_is_longer_than_the_wait_does_nothing(lab):
    assert lab.run(waiting_under("SET lock_timeout = '2min'", hold_s=31)) == ("done", 30)


def test_a_client_timeout_cancels_the_wait(lab):
    async def program():
        async with connected(2) as (holder, waiter):
            held = asyncio.get_running_loop().create_task(hold_for(holder, 60))
            await asyncio.sleep(1)
            with pytest.raises(asyncio.TimeoutError):
                await waiter.execute(WAIT, timeout=3)
            usable = await waiter.fetchval("SELECT status FROM bots WHERE id = 1")
            await held
            return usable

    assert lab.run(program) == "RUNNING"


def test_an_idle_transaction_is_terminated_in_virtual_time(lab):
    async def program():
        async with connected(2) as (idle, other):
            await idle.execute("SET idle_in_transaction_session_timeout = '10s'")
            held = asyncio.get_running_loop().create_task(hold_for(idle, 60))
            await asyncio.sleep(1)
            await other.execute(WAIT)
            waited = asyncio.get_running_loop().time()
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
                await held
            return round(waited), idle.is_closed()

    assert lab.run(program) == (10, True)


def test_a_client_that_leaves_in_a_transaction_rolls_back_and_lets_others_go_on(lab):
    async def program():
        async with connected(2) as (leaver, waiter):
            await leaver.execute("BEGIN")
            await leaver.execute(HOLD)
            waiting = asyncio.get_running_loop().create_task(waiter.execute(WAIT))
            await asyncio.sleep(0)
            leaver.terminate()
            await waiting
            return await waiter.fetchval("SELECT status FROM bots WHERE id = 1")

    assert lab.run(program, prefer("execute: UPDATE bots SET status = 'W'", "disconnect")) == "W"


def test_the_bridge_tells_who_waits_for_whom(lab):
    async def program():
        async with connected(2) as (holder, waiter):
            await holder.execute("BEGIN")
            await holder.execute(HOLD)
            waiting = asyncio.get_running_loop().create_task(waiter.execute(WAIT))
            await asyncio.sleep(1)
            waits = lab.database.bridge.waits()
            await holder.execute("COMMIT")
            await waiting
            return waits, lab.database.bridge.waits()

    assert lab.run(program) == ([(1002, (1001,))], [])


def test_a_notification_is_a_frame_of_its_own_after_the_commit(lab):
    async def program():
        async with connected(2) as (listener, speaker):
            heard = asyncio.get_running_loop().create_future()
            await listener.add_listener("fills", lambda *event: heard.set_result(event[1:]))
            async with speaker.transaction():
                await speaker.execute("NOTIFY fills, 'o-1'")
            return await heard

    assert lab.run(program) == (1002, "fills", "o-1")
    assert ("deliver", "notification") in lab.agenda.trace
