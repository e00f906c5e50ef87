"""The bridge without a driver: bytes in, bytes out."""

from __future__ import annotations

import os
import signal

import pytest
from pg_lab import EPOCH_NS, FakeAgenda

from simharness.core import name
from simharness.core.footprint import recorder
from simharness.database.postgresql import intercept, process, wire
from simharness.database.postgresql.session import Session


class RawClient:
    """A client that keeps what it receives."""

    def __init__(self, bridge):
        self.received = b""
        self.is_lost = False
        self.session = Session(bridge, self)
        self.session.feed(wire.startup({"user": "raw", "database": "far"}))

    def receive(self, data):
        self.received += data

    def lost(self):
        self.is_lost = True

    def soon(self, action):
        action()

    def ask(self, sql):
        self.session.feed(wire.query(sql).encode())

    def tags(self):
        return [m.body[:-1].decode() for m in wire.each(self.received) if m.kind == b"C"]


class Stage:
    """One execution with raw clients."""

    def __init__(self, database, pick=lambda enabled: 0):
        self.database = database
        self.agenda = FakeAgenda(pick)
        recorder.begin(name.ROOT, 0, active=True)
        database.begin(self.agenda, EPOCH_NS)

    def client(self):
        return RawClient(self.database.bridge)

    def settle(self):
        while self.agenda.advance():
            pass

    def end(self):
        self.agenda.end_step()
        self.database.end()


@pytest.fixture
def stage(database):
    staged = Stage(database)
    yield staged
    staged.end()


HOLD, WAIT = "UPDATE bots SET status = 'H' WHERE id = 1", "UPDATE bots SET status = 'W' WHERE id = 1"


def deadlock_bytes(database):
    stage = Stage(database)
    try:
        left, right = stage.client(), stage.client()
        for client, first in ((left, 1), (right, 2)):
            client.ask("BEGIN")
            client.ask(f"UPDATE bots SET note = NULL WHERE id = {first}")
        stage.settle()
        left.ask("UPDATE bots SET note = NULL WHERE id = 2")
        stage.settle()
        right.ask("UPDATE bots SET note = NULL WHERE id = 1")
        stage.settle()
        return left.received, right.received
    finally:
        stage.end()


def test_a_deadlock_gives_the_same_bytes_twenty_times(database):
    seen = {deadlock_bytes(database) for _ in range(20)}
    assert len(seen) == 1
    assert b"40P01" in seen.pop()[1]


def test_an_execution_abandoned_while_a_backend_is_stopped_leaves_it_usable(database):
    for _ in range(2):
        stage = Stage(database)
        holder, waiter = stage.client(), stage.client()
        holder.ask("BEGIN")
        holder.ask(HOLD)
        waiter.ask(WAIT)
        stage.settle()
        assert waiter.tags() == []
        stage.end()


def test_a_pipeline_executes_and_answers_in_order(stage):
    client = stage.client()
    for value in (1, 2, 3):
        client.ask(f"SELECT {value}")
    stage.settle()
    rows = [wire.read_row(m) for m in wire.each(client.received) if m.kind == b"D"]
    assert rows == [["1"], ["2"], ["3"]]


def test_what_was_sent_before_a_departure_still_commits(stage, database):
    client = stage.client()
    client.ask("UPDATE bots SET status = 'LAST' WHERE id = 2")
    client.session.hang_up()
    stage.settle()
    assert database.query("SELECT status FROM bots WHERE id = 2") == [["LAST"]]
    assert client.is_lost


def test_a_client_whose_backend_dies_hears_of_it_and_nothing_stays_open(stage):
    client = stage.client()
    client.ask("SELECT 1")
    stage.settle()
    backend = client.session.backend
    os.kill(backend.pid, signal.SIGTERM)
    while process.alive(backend.pid):
        os.sched_yield()
    client.ask("SELECT 2")
    stage.settle()
    assert client.is_lost
    assert b"57P01" in client.received
    assert backend._link.fileno() == -1


def test_an_explicit_transaction_under_a_hidden_setting_shows_it(stage):
    client = stage.client()
    client.ask("SET LOCAL lock_timeout = '5s'")
    client.ask("SET lock_timeout = '3s'")
    client.ask("SHOW lock_timeout")
    stage.settle()
    assert b"3s" in client.received


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT CURRENT_DATE", 'SELECT pg_catalog."current_date"()'),
        ("SELECT 'CURRENT_DATE', \"current_date\"", "SELECT 'CURRENT_DATE', \"current_date\""),
        ("SELECT t.current_date -- CURRENT_DATE", "SELECT t.current_date -- CURRENT_DATE"),
        ("SELECT localtimestamp(0)", 'SELECT pg_catalog."localtimestamp"()::timestamp(0)'),
        ("SET LOCAL statement_timeout = 5", "SET LOCAL simharness.statement_timeout = 5"),
        ("SELECT set_config('lock_timeout', $1, true)", "SELECT set_config('simharness.lock_timeout', $1, true)"),
        ("UPDATE t SET lock_timeout = 1", "UPDATE t SET lock_timeout = 1"),
        ("RESET client_min_messages", "RESET simharness.client_min_messages"),
    ],
)
def test_only_code_is_rewritten(sql, expected):
    assert intercept.rewritten(sql) == expected


def test_startup_settings_that_work_in_real_time_are_replaced():
    given = {"user": "u", "lock_timeout": "1s", "options": "-c statement_timeout=5 -c work_mem=1MB"}
    assert intercept.rewritten_startup(given) == {
        "simharness.lock_timeout": "1s",
        "options": "-c simharness.statement_timeout=5 -c work_mem=1MB",
    }
