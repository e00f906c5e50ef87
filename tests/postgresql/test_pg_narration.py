"""What the timeline hears of a PostgreSQL session."""

from __future__ import annotations

import psycopg
import pytest
from pg_lab import FAR_DSN, prefer
from test_pg_locks import flush_then_cancel

from simharness.core.footprint import recorder
from simharness.errors import Nondeterminism


@pytest.fixture
def told(lab, monkeypatch):
    operations = []
    monkeypatch.setattr(recorder, "narrating", True)
    order = prefer("SET status = 'ACTIVE'", "execute: SELECT status", "'STOPPED'", "COMMIT")
    end = lab.agenda.__class__.end_step

    def keep(agenda):
        operations.extend(recorder.operations)
        end(agenda)

    monkeypatch.setattr(lab.agenda.__class__, "end_step", keep)
    lab.run(flush_then_cancel, order)
    return operations


def test_the_decisive_read_tells_what_it_saw_and_what_is_not_committed(told):
    texts = [operation.text for operation in told]
    assert "UPDATE bots#1 status=ACTIVE" in texts
    assert "SELECT bots#1 status=RUNNING" in texts
    written = next(operation for operation in told if operation.text == "UPDATE bots#1 status=ACTIVE")
    assert (written.uncommitted, written.committed["status"]) == ({"status": "ACTIVE"}, "RUNNING")


def test_a_wait_tells_for_whom_and_the_commit_what_became_visible(told):
    waits = [operation for operation in told if operation.effect == "wait"]
    assert [(wait.text, wait.subject) for wait in waits] == [
        ("UPDATE bots#1 waits for the program (session 1001)", "bots#1")
    ]
    commits = [operation.committed["status"] for operation in told if operation.effect == "commit"]
    assert commits == ["ACTIVE", "STOPPED"]
    texts = [operation.text for operation in told if operation.effect == "commit"]
    assert texts == ["COMMIT bots#1 status=ACTIVE", "COMMIT bots#1 status=STOPPED"]


def test_synchronous_psycopg_is_refused_before_it_dials(lab):
    async def program():
        psycopg.connect(FAR_DSN)

    with pytest.raises(Nondeterminism, match="AsyncConnection"):
        lab.run(program)
