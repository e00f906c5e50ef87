"""Which steps of two sessions depend on each other."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from pg_lab import FAR_DSN, connected, prefer
from test_pg_wire import Stage

from simharness.core import name
from simharness.core.footprint import CLOCK, conflicting, shared_keys
from simharness.database.footprints import NOTHING
from simharness.database.postgresql.statement import understand
from simharness.errors import SelfCheckFailed


def two(first, second, wrap="BEGIN"):
    async def run(connection, statements):
        await connection.execute(wrap)
        for statement in statements:
            await connection.execute(statement)
        await connection.execute("COMMIT")

    async def program():
        async with connected(2) as (left, right):
            await asyncio.gather(run(left, first), run(right, second))

    return program


def steps(lab, *labels):
    return [lab.agenda.footprint(label) for label in labels]


READ = "SELECT status FROM bots WHERE id = 1"
WRITE = "UPDATE bots SET status = 'A' WHERE id = 1"


def test_a_select_commutes_with_an_uncommitted_update_and_depends_on_its_commit(lab):
    lab.run(two([READ], [WRITE]), lambda enabled: len(enabled) - 1)
    read, write = steps(lab, READ, WRITE)
    commit = [footprint for label, footprint in lab.agenda.footprints if label == "COMMIT"]
    assert not conflicting(read, write)
    assert any(conflicting(read, footprint) for footprint in commit)


def test_updates_of_different_rows_commute(lab):
    other = "UPDATE bots SET status = 'B' WHERE id = 2"
    lab.run(two([WRITE], [other]))
    first, second = steps(lab, WRITE, other)
    assert not [name.text(key) for key in shared_keys(first, second)]


def test_a_scan_takes_the_lock_of_every_row(lab):
    scan = "UPDATE bots SET status = 'B' WHERE status = 'RUNNING'"
    lab.run(two([WRITE], [scan]), lambda enabled: len(enabled) - 1)
    assert conflicting(*steps(lab, WRITE, scan))


def test_a_child_row_depends_on_the_deletion_of_its_parent(lab):
    insert, delete = "INSERT INTO orders (bot_id) VALUES (2)", "DELETE FROM bots WHERE id = 2"
    lab.run(two([delete, "ROLLBACK", "BEGIN"], [insert]))
    assert conflicting(*steps(lab, insert, delete))


def test_sequences_are_keys(lab):
    first, second = "INSERT INTO orders (bot_id) VALUES (1)", "INSERT INTO orders (bot_id) VALUES (2)"
    lab.run(two([first], [second]))
    assert conflicting(*steps(lab, first, second))


@pytest.mark.parametrize(
    "several", ["INSERT INTO orders (bot_id) VALUES (1), (2)", "INSERT INTO orders (bot_id) SELECT id FROM bots"]
)
def test_rows_of_which_nobody_knows_the_keys_draw_from_the_sequence(lab, several):
    one = "INSERT INTO orders (bot_id) VALUES (2)"
    lab.run(two([several], [one]))
    assert any("sequence orders" in name.text(key) for key in shared_keys(*steps(lab, several, one)))


@pytest.mark.parametrize("given", ["INSERT INTO orders (id, bot_id) VALUES (2, 1)", "DELETE FROM orders WHERE id = 1"])
def test_a_key_that_was_given_may_be_the_one_that_the_sequence_comes_to(lab, given):
    drawn = "INSERT INTO orders (bot_id) VALUES (2)"
    lab.run(two([given, "ROLLBACK", "BEGIN"], [drawn]))
    insert, other, rollback = steps(lab, drawn, given, "ROLLBACK")
    assert conflicting(insert, other)
    assert conflicting(insert, rollback)


def test_a_sequence_besides_the_key_is_a_key_too(lab):
    first, second = "INSERT INTO log (id) VALUES (1)", "INSERT INTO log (id) VALUES (2)"
    lab.run(two([first], [second]))
    assert conflicting(*steps(lab, first, second))


def test_reading_a_view_depends_on_what_it_reads(lab):
    view = "SELECT id FROM running WHERE id = 1"
    lab.run(two([view], [WRITE]))
    commits = [footprint for label, footprint in lab.agenda.footprints if label == "COMMIT"]
    assert any(conflicting(lab.agenda.footprint(view), footprint) for footprint in commits)


def test_an_insert_reads_the_clock_when_a_default_does(lab):
    insert = "INSERT INTO bots (id, status) VALUES (9, 'N')"
    lab.run(two([insert], [WRITE]))
    timed, untimed = steps(lab, insert, "INSERT")
    assert CLOCK in timed.reads
    assert CLOCK in untimed.reads


def test_bound_values_name_the_row(lab):
    async def program():
        async with connected(1) as (connection,):
            await connection.execute("UPDATE bots SET status = $2 WHERE id = $1", 1, "A")
            await connection.execute("UPDATE bots SET status = $2 WHERE id =  $1", 2, "A")

    lab.run(program)
    first, second = steps(lab, "UPDATE", "UPDATE bots SET status = $2 WHERE id = $1")
    writes = [fp.writes for label, fp in lab.agenda.footprints if label.startswith("UPDATE")]
    assert first == second
    assert writes[0] != writes[1]


SECOND = "SELECT status FROM bots WHERE id = 2"


@pytest.mark.parametrize(("level", "depend"), [("REPEATABLE READ", False), ("SERIALIZABLE", True)])
def test_reads_of_serializable_transactions_depend_on_each_other(lab, level, depend):
    lab.run(two([READ], [SECOND], f"BEGIN ISOLATION LEVEL {level}"))
    assert conflicting(*steps(lab, READ, SECOND)) is depend


def test_under_a_snapshot_the_first_look_depends_on_every_commit_and_later_reads_on_none(lab):
    async def program():
        async with connected(2) as (reader, writer):
            await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            await reader.execute(SECOND)
            await reader.execute(READ)
            await writer.execute("BEGIN")
            await writer.execute(WRITE)
            await writer.execute("COMMIT")

    lab.run(program)
    first, later, commit = steps(lab, SECOND, READ, "COMMIT")
    assert conflicting(first, commit)
    assert not conflicting(later, commit)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_catalog.lower(status) FROM bots WHERE id = 1",
        "SELECT status FROM bots WHERE id = 1 AND note = 'pg_class'",
        "SELECT b.status FROM bots b, pg_class c WHERE b.id = 1 AND c.relname = 'bots'",
    ],
)
def test_a_query_that_mentions_the_catalog_is_no_introspection(lab, sql):
    lab.run(two([sql], [WRITE]))
    commits = [footprint for label, footprint in lab.agenda.footprints if label == "COMMIT"]
    assert any(conflicting(lab.agenda.footprint(sql[:70]), footprint) for footprint in commits)


@pytest.mark.parametrize(
    ("sql", "instant"),
    [
        ("SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class WHERE pg_catalog.pg_table_is_visible(oid)", True),
        ("SELECT column_name FROM information_schema.columns", True),
        ("SELECT mine(relname) FROM pg_class", False),
        ("SELECT pg_catalog.now()", False),
        ("SET CONSTRAINTS ALL IMMEDIATE", False),
        ("SET search_path = public", True),
    ],
)
def test_what_happens_at_once_touches_no_table_of_the_program(sql, instant):
    assert understand(sql).instant is instant


def test_discarding_a_session_that_holds_locks_is_an_event(lab):
    async def program():
        async with connected(2) as (holder, waiter):
            await holder.execute("SELECT pg_advisory_lock(7)")
            waiting = asyncio.get_running_loop().create_task(waiter.execute("SELECT pg_advisory_lock(7)"))
            await asyncio.sleep(0)
            await holder.execute("DISCARD ALL")
            await waiting

    taken = "execute: SELECT pg_advisory_lock(7)"
    lab.run(program, prefer(taken, taken, "execute: DISCARD ALL"))
    assert ("execute", "resume SELECT pg_advisory_lock(7)") in lab.agenda.trace


def test_ddl_conflicts_with_everything(lab):
    lab.run(two([READ], ["COMMENT ON TABLE orders IS 'x'"]))
    assert conflicting(*steps(lab, READ, "COMMENT"))


TRANSACTION = ["INSERT INTO orders (bot_id) VALUES (2)", WRITE, "SELECT id FROM orders WHERE id = 1 FOR UPDATE"]


@pytest.fixture
def checking(lab, monkeypatch):
    monkeypatch.setattr(lab.database, "check", True)
    return lab


def test_footprints_name_every_table_that_the_server_locks(checking):
    checking.run(two(TRANSACTION, ["UPDATE bots SET status = 'Z' WHERE id = 2"]))


def test_the_check_finds_a_footprint_that_misses_a_table(checking, monkeypatch):
    monkeypatch.setattr("simharness.database.postgresql.transaction.bind", lambda *_: NOTHING)
    stage = Stage(checking.database)
    client = stage.client()
    client.ask("BEGIN")
    client.ask("INSERT INTO bots (id, status) VALUES (9, 'N')")
    with pytest.raises(SelfCheckFailed, match="row locks in bots"):
        stage.settle()
    # What no footprint names, no reset fills again.
    checking.database._schema.all_dirty = True
    stage.end()


def test_a_session_that_defaults_to_snapshots_is_known_from_its_startup(lab):
    async def program():
        level = {"default_transaction_isolation": "serializable"}
        left = await asyncpg.connect(FAR_DSN, ssl=False, server_settings=level)
        right = await asyncpg.connect(FAR_DSN, ssl=False, server_settings=level)
        await left.fetchval(READ)
        await right.fetchval("SELECT status FROM bots WHERE id = 2")
        await left.close()
        await right.close()

    lab.run(program)
    assert conflicting(*steps(lab, READ, "SELECT status FROM bots WHERE id = 2"))
