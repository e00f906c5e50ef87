"""A server of the user's: a scratch database that comes and goes, and a clear word when it cannot serve."""

from __future__ import annotations

import pytest
from pg_lab import Lab, prefer, set_up
from test_pg_locks import flush_then_cancel

from simharness.database.postgresql.database import PostgresqlDatabase
from simharness.database.postgresql.own_server import OwnServer
from simharness.errors import ScenarioError


def own_url(server, user="postgres"):
    return (
        server.url()
        .replace("postgresql+psycopg", "postgresql")
        .replace("/postgres?", "/template1?")
        .replace("postgres@", f"{user}@")
    )


def test_an_execution_runs_on_a_scratch_database_that_is_gone_afterwards(server):
    with OwnServer(own_url(server)) as own:
        database = PostgresqlDatabase(own)
        database.prepare(set_up)
        order = prefer("SET status = 'ACTIVE'", "execute: SELECT status", "'STOPPED'", "COMMIT")
        assert [Lab(database).run(flush_then_cancel, order) for _ in range(2)] == ["RUNNING"] * 2
        database.close()
    session = server.dial({})
    assert session.query("SELECT datname FROM pg_database WHERE datname ~ '^simharness_[0-9]'") == []
    session.close()


def test_the_scratch_database_of_a_killed_run_is_dropped(server):
    session = server.dial({})
    session.query("CREATE DATABASE simharness_999999999_abc TEMPLATE template0")
    OwnServer(own_url(server)).stop()
    assert session.query("SELECT 1 FROM pg_database WHERE datname = 'simharness_999999999_abc'") == []
    session.close()


def test_an_ordinary_user_is_told_what_is_needed(server):
    session = server.dial({})
    session.query("CREATE ROLE ordinary LOGIN")
    with pytest.raises(ScenarioError, match=r"^[^\n]*ordinary is no superuser; it needs a superuser[^\n]*$"):
        OwnServer(own_url(server, "ordinary"))
    session.query("DROP ROLE ordinary")
    session.close()


@pytest.mark.parametrize("url", ["no url", "postgresql://postgres@/x?host=/nowhere"])
def test_a_server_that_cannot_be_reached_is_one_line(url):
    with pytest.raises(ScenarioError, match=r"^database: url: [^\n]*$"):
        OwnServer(url)


def test_a_server_serves_one_database_after_the_other(server):
    with OwnServer(own_url(server)) as own:
        for _ in range(2):
            database = PostgresqlDatabase(own)
            database.prepare(set_up)
            assert database.query("SELECT count(*) FROM bots") == [["2"]]
            database.close()
