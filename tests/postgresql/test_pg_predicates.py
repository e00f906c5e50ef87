"""SELECTs by other columns than the key: they depend on rows that match, before and after."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from pg_lab import connected
from test_pg_footprints import steps, two

from simharness.core import name
from simharness.core.footprint import conflicting, describe
from simharness.database.postgresql.backend import Backend

BY_BOT = "SELECT id FROM orders WHERE bot_id = 1"
OTHER_BOT = "INSERT INTO orders (bot_id) VALUES (2)"
SAME_BOT = "INSERT INTO orders (bot_id) VALUES (1)"
GONE = "DELETE FROM orders WHERE id = 1"


def values(footprint, kind):
    marks = (text.partition(" values ") for text in describe(footprint)[kind])
    return {text for _, mark, text in marks if mark}


def look_and_commit(lab, look, change):
    """Let one session look, then another change something; return the two steps that could meet."""

    async def program():
        async with connected(2) as (left, right):
            await left.execute(look)
            await right.execute("BEGIN")
            await right.execute(change)
            await right.execute("COMMIT")

    lab.run(program)
    return steps(lab, look, "COMMIT")


@pytest.mark.parametrize(
    ("change", "meets"),
    [
        ("INSERT INTO orders (id, bot_id) VALUES (5, 2)", False),
        ("INSERT INTO orders (id, bot_id) VALUES (5, 1)", True),
        # Nobody learns which key it got.
        (OTHER_BOT, True),
        (GONE, True),
        ("UPDATE orders SET reason = 'x' WHERE id = 1", True),
        ("UPDATE orders SET bot_id = 2 WHERE id = 1", True),
        ("UPDATE orders SET reason = 'x' WHERE id = 77", False),
        ("UPDATE orders SET reason = 'x' WHERE reason = 'y'", True),
        ("UPDATE bots SET status = 'x' WHERE id = 1", False),
    ],
)
def test_a_lookup_depends_on_the_commits_that_concern_rows_that_match(lab, change, meets):
    assert conflicting(*look_and_commit(lab, BY_BOT, change)) is meets


def test_a_lookup_that_comes_late_depends_on_the_row_that_has_left(lab):
    async def program():
        async with connected(2) as (left, right):
            await left.execute("BEGIN")
            await left.execute(GONE)
            await left.execute("COMMIT")
            await right.execute(BY_BOT)

    lab.run(program)
    commit, look = steps(lab, "COMMIT", BY_BOT)
    assert values(commit, "adds") == {"orders.bot_id.1", "orders.id.1"}
    assert values(look, "reads") == {"orders.bot_id.1", "orders.bot_id"}
    assert conflicting(commit, look)


@pytest.mark.parametrize("inside", [True, False])
def test_an_insert_with_a_generated_key_adds_to_the_values_of_its_row(lab, inside):
    async def program():
        async with connected(1) as (connection,):
            await connection.execute("BEGIN" if inside else "SELECT 1")
            await connection.fetch(f"{SAME_BOT} RETURNING id")
            await connection.execute("COMMIT" if inside else "SELECT 2")

    lab.run(program)
    (commit,) = steps(lab, "COMMIT" if inside else SAME_BOT)
    assert values(commit, "adds") == {"orders.bot_id.1", "orders.id.2"}


def test_inserts_of_one_value_meet_over_their_sequence_alone(lab):
    lab.run(two(["INSERT INTO log (id) VALUES (1)"], ["INSERT INTO log (id) VALUES (2)"]))
    first, second = [footprint for label, footprint in lab.agenda.footprints if label == "COMMIT"]
    assert values(first, "adds")
    assert not {key for key in first.writes & second.writes if " visible " in name.text(key)}


def test_a_lookup_in_a_transaction_sees_its_own_rows_and_depends_on_those_of_others(lab):
    """What it has written itself is nobody else's to change; the rows that match are those that are committed."""

    async def program():
        async with connected(1) as (connection,):
            await connection.execute("BEGIN")
            await connection.execute(SAME_BOT)
            await connection.execute(BY_BOT)
            await connection.execute("ROLLBACK")

    lab.run(program)
    (look,) = steps(lab, BY_BOT)
    rows = {text.rpartition(".")[2] for text in describe(look)["reads"] if " visible orders." in text}
    assert rows == {"1", "*whole"}


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_under_a_snapshot_no_value_is_read(lab, level):
    lab.run(two([BY_BOT], [OTHER_BOT], f"BEGIN ISOLATION LEVEL {level}"))
    assert not values(lab.agenda.footprint(BY_BOT), "reads")


@pytest.mark.parametrize("late", [BY_BOT, GONE])
def test_a_locked_table_cannot_be_asked_and_counts_as_a_whole(lab, late):
    """The question would wait for the lock too, and nobody would wake it."""

    async def program():
        async with connected(2) as (holder, waiter):
            await holder.execute("BEGIN")
            await holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            waiting = asyncio.get_running_loop().create_task(waiter.execute(late))
            await asyncio.sleep(0.01)
            await holder.execute("COMMIT")
            await waiting

    lab.run(program)
    assert ("execute", f"resume {late}") in lab.agenda.trace
    assert not values(lab.agenda.footprint(late), "reads")


def test_a_session_of_our_own_gives_up_what_it_would_wait_for(lab):
    async def program():
        async with connected(1) as (holder,):
            await holder.execute("BEGIN")
            await holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            monitor: Backend = lab.database._parking.monitor
            assert monitor.try_records("SELECT id FROM orders") is None
            assert monitor.try_records("SELECT id FROM no_such_table") is None
            assert monitor.records("SELECT 1 AS one") == [{"one": 1}]
            await holder.execute("ROLLBACK")
            assert monitor.try_records("SELECT id FROM orders") == [{"id": 1}]

    lab.run(program)


def test_several_statements_at_once_read_the_whole_table(lab):
    async def program():
        async with connected(1) as (connection,):
            await connection.execute(f"SELECT 1; {BY_BOT}")
            await connection.fetch("SELECT id FROM orders WHERE bot_id = $1", 1)
            with pytest.raises(asyncpg.PostgresError):
                await connection.fetch("SELECT id FROM orders WHERE bot_id = $1 AND 1 / $2 = 1", 1, 0)

    lab.run(program)
    several, alone, division = steps(
        lab, "SELECT 1;", "SELECT id FROM orders WHERE bot_id = $1", "SELECT id FROM orders WHERE bot_id = $1 AND"
    )
    assert not values(several, "reads")
    assert values(alone, "reads") == {"orders.bot_id.1", "orders.bot_id"}
    assert not values(division, "reads")
