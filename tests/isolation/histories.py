"""Two short transactions that meet: every interleaving of them on a real database, as a system under test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from simharness.database.pool import warm_up
from simharness.explore.campaign import Campaign, Limits
from simharness.explore.strategy import build
from simharness.invariants.snapshot import Memory, Snapshot
from simharness.world.setting import Command, Given, Setting
from simharness.world.stage import staged
from simharness.world.world import World

# What one transaction read, in order; then the server's code for the error that ended it, or "".
Told = tuple[Any, ...]
Outcome = tuple[Told, Told, Any]
TWO_ROWS = (
    "CREATE TABLE test (id integer PRIMARY KEY, value integer NOT NULL)",
    "INSERT INTO test VALUES (1, 10), (2, 20)",
)


class Histories:
    """A system under test: two rows unless told, and two scripts of statements that run in a transaction each.

    Args:
        scripts: the statements; a SELECT returns one value, ``ROLLBACK`` gives up.
        final: a query for what is committed in the end.
        begin: an explicit BEGIN, where the driver's own is not meant.
        tables: statements that make the tables and their rows.
    """

    watched: tuple[str, ...] = ()

    def __init__(
        self, scripts: tuple[tuple[str, ...], ...], final: str, begin: str, tables: tuple[str, ...] = TWO_ROWS
    ) -> None:
        self.tables = tables
        self.scripts = scripts
        self.final = final
        self.begin = begin

    def create(self, connection: Connection, setting: Setting) -> None:
        del setting
        for statement in self.tables:
            connection.execute(text(statement))

    def build(self, world: World) -> Running:
        return Running(world, self)

    def snapshot(self, read: Any) -> Snapshot:
        del read
        return Snapshot()

    def subject_of(self, command: Command, variables: Mapping[str, str]) -> None:
        """No row answers."""

    def variables(self, given: tuple[Given, ...]) -> Mapping[str, str]:
        return {}


class Running:
    app = None

    def __init__(self, world: World, system: Histories) -> None:
        assert world.database is not None
        self._engine = create_async_engine(world.database.url)
        self._system = system
        self.told: list[list[Any]] = [[], []]

    async def start(self) -> None:
        await warm_up(self._engine, 2)

    async def perform(self, command: Command) -> None:
        told = self.told[command.target]
        error = ""
        try:
            async with self._engine.connect() as connection:
                if self._system.begin:
                    await connection.exec_driver_sql(self._system.begin)
                for statement in self._system.scripts[command.target]:
                    if statement.startswith("SELECT"):
                        told.append(await connection.scalar(text(statement)))
                    elif statement == "ROLLBACK":
                        await connection.rollback()
                    else:
                        await connection.execute(text(statement))
                await connection.commit()
        except DBAPIError as failure:
            error = code_of(failure)
        told.append(error)

    def memory(self) -> Memory:
        return Memory()

    def crash(self) -> None:
        """Nothing to forget."""


def code_of(failure: DBAPIError) -> str:
    """The SQLSTATE on PostgreSQL, the words on SQLite."""
    return str(getattr(failure.orig, "sqlstate", None) or failure.orig)


def outcomes(
    scripts: tuple[tuple[str, ...], ...],
    final: str,
    begin: str = "",
    tables: tuple[str, ...] = TWO_ROWS,
    **setting: Any,
) -> set[Outcome]:
    """Return what every interleaving of two scripts comes to; fails unless the search is exhausted."""
    with _staged(scripts, final, begin, tables, setting) as stage:
        return _search(stage, "dpor", final)


def sampled(
    scripts: tuple[tuple[str, ...], ...],
    final: str,
    executions: int,
    tables: tuple[str, ...] = TWO_ROWS,
    **setting: Any,
) -> set[Outcome]:
    """Return what random walks come to, which know nothing of what depends on what."""
    with _staged(scripts, final, "", tables, setting) as stage:
        return _search(stage, "random", final, executions)


def _staged(
    scripts: tuple[tuple[str, ...], ...], final: str, begin: str, tables: tuple[str, ...], setting: dict[str, Any]
) -> Any:
    commands = tuple(Command("play", number, name=f"play-{number}") for number in range(2))
    return staged(Setting(commands=commands, **setting), Histories(scripts, final, begin, tables))


def _search(stage: Any, strategy: str, final: str, executions: int | None = None) -> set[Outcome]:
    found: set[Outcome] = set()
    campaign = Campaign(stage.program, build(strategy, stage.program, seed=0), Limits(executions), stock=True)
    campaign.search = _Noting(campaign.search, stage, final, found)
    campaign.run()
    assert campaign.exhausted or executions is not None
    # A test that replaces a function of ours with its own runs code that is not known.
    assert all("neither tracked nor known" in hole for hole in stage.holes())
    return found


class _Noting:
    """A search that notes the outcome of each execution."""

    def __init__(self, search: Any, stage: Any, final: str, found: set[Outcome]) -> None:
        self._search, self._stage, self._final, self._found = search, stage, final, found

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._search, attribute)

    def executions(self) -> Any:
        for execution in self._search.executions():
            left, right = execution.running.told
            (row,) = self._stage.database.read(self._final)
            self._found.add((tuple(left), tuple(right), *row.values()))
            yield execution
