"""Two sessions on one row: what is visible, who waits, who wins, and who is the victim."""

from __future__ import annotations

import asyncio

import asyncpg
from pg_lab import connected, prefer


async def flush_then_cancel():
    async with connected(2) as (endpoint, handler):

        async def update():
            async with endpoint.transaction():
                await endpoint.execute("UPDATE bots SET status = 'ACTIVE' WHERE id = 1")
                await endpoint.execute("SELECT 1")

        async def stop():
            seen = await handler.fetchval("SELECT status FROM bots WHERE id = 1")
            await handler.execute("UPDATE bots SET status = 'STOPPED' WHERE id = 1")
            return seen

        _, seen = await asyncio.gather(update(), stop())
        return seen


def test_an_uncommitted_update_is_not_visible_to_another_session(lab):
    assert lab.run(flush_then_cancel, prefer("SET status = 'ACTIVE'", "SELECT status", "COMMIT")) == "RUNNING"


def test_an_update_waits_for_the_row_lock_and_then_overwrites(lab):
    final = []

    async def program():
        seen = await flush_then_cancel()
        final.append(lab.database.query("SELECT status FROM bots WHERE id = 1")[0][0])
        return seen

    order = prefer("SET status = 'ACTIVE'", "execute: SELECT status", "'STOPPED'", "COMMIT")
    assert lab.run(program, order) == "RUNNING"
    labels = [label for _, label in lab.agenda.trace]
    resumed = "resume UPDATE bots SET status = 'STOPPED' WHERE id = 1"
    assert labels.index("COMMIT;") < labels.index(resumed)
    assert final == ["STOPPED"]


async def two_waiters():
    async with connected(3) as (holder, first, second):
        order = []

        async def hold():
            async with holder.transaction():
                await holder.execute("SELECT pg_advisory_xact_lock(7)")

        async def take(connection, label):
            async with connection.transaction():
                await connection.execute(f"SELECT pg_advisory_xact_lock_shared(7) /* {label} */")
                order.append(label)

        await asyncio.gather(hold(), take(first, "A"), take(second, "B"))
        return "".join(order)


def test_the_explorer_picks_which_waiter_goes_on(lab):
    waiting = ("xact_lock(7)", "shared(7) /* A", "shared(7) /* B", "COMMIT")
    for winner, loser in (("A", "B"), ("B", "A")):
        picked = prefer(*waiting, f"resume SELECT pg_advisory_xact_lock_shared(7) /* {winner}", f"/* {winner}")
        assert lab.run(two_waiters, picked) == winner + loser


async def deadlock():
    async with connected(2) as (left, right):

        async def take(connection, first, second):
            try:
                async with connection.transaction():
                    await connection.execute(f"UPDATE bots SET note = NULL WHERE id = {first}")
                    await connection.execute(f"UPDATE bots SET note = NULL WHERE id = {second}")
            except asyncpg.DeadlockDetectedError as error:
                return error.detail
            return "done"

        return tuple(await asyncio.gather(take(left, 1, 2), take(right, 2, 1)))


def test_the_statement_that_closes_the_cycle_is_the_victim(lab):
    order = prefer(
        "execute: UPDATE bots SET note = NULL WHERE id = 1", "execute: UPDATE bots SET note = NULL WHERE id = 2"
    )
    first, second = lab.run(deadlock, order)
    victims = [text for text in (first, second) if text != "done"]
    assert len(victims) == 1
    assert victims[0].startswith("Process 100")
    assert "transaction 1" in victims[0]


async def unique_race():
    async with connected(2) as (left, right):

        async def insert(connection, value):
            try:
                async with connection.transaction():
                    await connection.execute("INSERT INTO bots (id, status) VALUES (9, $1)", value)
            except asyncpg.UniqueViolationError:
                return "violated"
            return "stored"

        return tuple(await asyncio.gather(insert(left, "L"), insert(right, "R")))


def test_either_insert_may_lose_the_race_for_a_key(lab):
    assert set(lab.outcomes(unique_race)) == {("stored", "violated"), ("violated", "stored")}


async def skip_locked():
    async with connected(2) as (left, right):

        async def take(connection):
            async with connection.transaction():
                return await connection.fetchval("SELECT id FROM bots ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED")

        return tuple(await asyncio.gather(take(left), take(right)))


def test_skip_locked_takes_the_next_row_or_the_same_after_a_commit(lab):
    assert set(lab.outcomes(skip_locked)) == {(1, 2), (2, 1), (1, 1)}
