"""Scenarios of issue 5 under every interleaving: who waits, who overwrites, who fails. Both drivers agree."""

from __future__ import annotations

import pytest
from pg_explored import DRIVERS, Explored, transaction

STATUS = "SELECT status FROM bots WHERE id = 1"
BOTH = "SELECT string_agg(status, ',' ORDER BY id) FROM bots WHERE id IN (1, 2)"
DEADLOCK, TAKEN, LOCKED, SERIALIZATION = "40P01", "23505", "55P03", "40001"

pytestmark = [
    pytest.mark.parametrize("driver", DRIVERS),
    # The connections of an execution are cut, not closed.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def put(row, value):
    return f"UPDATE bots SET status = '{value}' WHERE id = {row}"


def appended(letter, *before, locking="", level="READ COMMITTED"):
    """Read, think, write what was read with a letter more."""
    write = f"UPDATE bots SET status = '{{seen}}{letter}' WHERE id = 1"
    return transaction(*before, STATUS + locking, write, level=level)


def finals(explored):
    return {final for _, final in explored.outcomes}


def test_a_handler_waits_for_the_row_lock_and_overwrites_after_the_commit(database, driver):
    endpoint = transaction(put(1, "ACTIVE"), "SELECT 1")

    async def handler(session):
        seen = await session.value(STATUS)
        if seen == "RUNNING":
            await session.do(put(1, "STOPPED"))
        return seen

    explored = Explored(database, driver, [endpoint, handler], STATUS)
    assert explored.outcomes == {
        ((1, "RUNNING"), "STOPPED"),
        ((1, "RUNNING"), "ACTIVE"),
        ((1, "ACTIVE"), "ACTIVE"),
    }
    waited = [labels for labels in explored.labels if any("resume UPDATE" in label for label in labels)]
    assert waited


def test_two_transactions_that_lock_in_opposite_orders_deadlock(database, driver):
    left, right = transaction(put(1, "L"), put(2, "L")), transaction(put(2, "R"), put(1, "R"))
    explored = Explored(database, driver, [left, right], BOTH)
    assert explored.outcomes == {
        ((None, None), "L,L"),
        ((None, None), "R,R"),
        ((DEADLOCK, None), "R,R"),
        ((None, DEADLOCK), "L,L"),
    }


def test_of_two_inserts_with_one_key_the_second_waits_and_fails(database, driver):
    inserts = [transaction(f"INSERT INTO bots (id, status) VALUES (9, '{who}')") for who in "LR"]
    explored = Explored(database, driver, inserts, "SELECT status FROM bots WHERE id = 9")
    assert explored.outcomes == {((None, TAKEN), "L"), ((TAKEN, None), "R")}


def test_read_modify_write_loses_an_update(database, driver):
    explored = Explored(database, driver, [appended("L"), appended("R")], STATUS)
    assert finals(explored) == {"RUNNINGLR", "RUNNINGRL", "RUNNINGL", "RUNNINGR"}


@pytest.mark.parametrize("first", [(), ("SELECT pg_advisory_xact_lock(7)",)], ids=["FOR UPDATE", "advisory lock"])
def test_a_lock_before_the_read_loses_none(database, driver, first):
    locking = "" if first else " FOR UPDATE"
    explored = Explored(database, driver, [appended(who, *first, locking=locking) for who in "LR"], STATUS)
    assert finals(explored) == {"RUNNINGLR", "RUNNINGRL"}


def test_nowait_fails_instead_of_waiting(database, driver):
    explored = Explored(database, driver, [appended(who, locking=" FOR UPDATE NOWAIT") for who in "LR"], STATUS)
    assert explored.outcomes == {
        (("RUNNING", "RUNNINGL"), "RUNNINGLR"),
        (("RUNNINGR", "RUNNING"), "RUNNINGRL"),
        (("RUNNING", LOCKED), "RUNNINGL"),
        ((LOCKED, "RUNNING"), "RUNNINGR"),
    }


def test_skip_locked_hands_each_worker_another_row(database, driver):
    claim = "SELECT id FROM bots WHERE status = 'RUNNING' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
    worker = transaction(claim, "UPDATE bots SET status = 'DONE' WHERE id = {seen}")
    explored = Explored(database, driver, [worker, worker], BOTH)
    assert explored.outcomes == {((1, 2), "DONE,DONE"), ((2, 1), "DONE,DONE")}


def test_a_serialization_failure_is_cured_by_a_retry(database, driver):
    def retried(letter):
        attempt = appended(letter, level="REPEATABLE READ")

        async def script(session):
            for _ in range(2):
                try:
                    return await attempt(session)
                except Exception as error:
                    if getattr(error, "sqlstate", "") != SERIALIZATION:
                        raise
                    await session.do("ROLLBACK")
            return "gave up"

        return script

    once = [appended(who, level="REPEATABLE READ") for who in "LR"]
    explored = Explored(database, driver, once, STATUS)
    assert SERIALIZATION in {value for values, _ in explored.outcomes for value in values}
    explored = Explored(database, driver, [retried(who) for who in "LR"], STATUS)
    assert finals(explored) == {"RUNNINGLR", "RUNNINGRL"}


def test_the_same_schedules_give_the_same_traces(database, driver):
    scripts = [transaction(put(1, "L")), transaction(put(1, "R"))]
    first = Explored(database, driver, scripts, STATUS)
    assert first.digests == Explored(database, driver, scripts, STATUS).digests
