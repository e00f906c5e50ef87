"""The database of a case, whichever engine it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, Protocol

from simharness.database.footprints import Accesses, RowSet
from simharness.database.keys import DatabaseKeys
from simharness.database.sqlite import SqliteDatabase, SqliteSeam
from simharness.faults.plan import FaultPlan
from simharness.loop.garbage import silence
from simharness.loop.loop import SimLoop
from simharness.world.setting import Setting

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Port(Protocol):
    """What the world asks of a database."""

    url: str

    def prepare(self, create: Callable[[Connection], None]) -> None:
        """Build the state in which every execution starts."""

    def begin_execution(self, loop: SimLoop) -> None:
        """Put that state back, offer statements to ``loop`` and answer its connections."""

    def close_execution(self) -> None:
        """Cut every connection of the program."""

    def cut(self) -> None:
        """Cut the connections of a program that has crashed; what it had not committed is rolled back."""

    def read(self, sql: str) -> list[dict[str, Any]]:
        """Read committed state through a session of our own."""

    def changed(self) -> bool:
        """Return whether anything was committed since the last call."""

    def drew(self) -> bool:
        """Return whether anything that no rollback takes back was left since the last call: numbers of sequences."""

    def observe(self, table: str, row: str) -> None:
        """Record that the running step read a committed row."""

    def observe_all(self) -> None:
        """Record that whoever is recorded read all that is committed."""

    def waits(self) -> list[str]:
        """Return who waits for whom, one sentence each."""

    def locks_of(self, task: int) -> str | None:
        """Return what a task keeps others from writing to with its open transaction, in words; None if nothing."""

    @property
    def description(self) -> str:
        """The engine and its version, for certificates."""

    def findings(self) -> list[str]:
        """Return what was noticed about the program's SQL."""


def faults_of(setting: Setting) -> FaultPlan:
    """Return the faults that may strike in the executions of a setting; none without a budget."""
    return FaultPlan.of(*setting.faults) if setting.fault_budget else FaultPlan()


class SqlitePort:
    """A SQLite file through aiosqlite."""

    def __init__(self, setting: Setting, stack: ExitStack) -> None:
        self._database = SqliteDatabase(lock_timeout_ns=setting.lock_timeout_ns, faults=faults_of(setting))
        stack.callback(self._database.close)
        self._seam = SqliteSeam([self._database])
        stack.enter_context(self._seam)
        self.url = self._database.url
        self._version = 0

    def prepare(self, create: Callable[[Connection], None]) -> None:
        """Build the template file."""
        from sqlalchemy import create_engine

        def create_and_seed(path: str) -> None:
            engine = create_engine(f"sqlite:///{path}")
            with closing(engine.connect()) as connection:
                create(connection)
                connection.commit()
            engine.dispose()

        self._database.prepare(create_and_seed)

    def begin_execution(self, loop: SimLoop) -> None:
        """Put the template back."""
        self._seam.begin_execution(loop)
        self._version = self._data_version()

    def close_execution(self) -> None:
        """Close every handle."""
        with silence():
            self._seam.close_execution()

    def cut(self) -> None:
        """Close the program's handles; SQLite rolls back what they had not committed."""
        with silence():
            self._seam.cut()

    def read(self, sql: str) -> list[dict[str, Any]]:
        """Read committed rows."""
        return self._database.read(sql)

    def changed(self) -> bool:
        """Ask SQLite itself: another connection has committed."""
        version = self._data_version()
        if version == self._version:
            return False
        self._version = version
        return True

    def drew(self) -> bool:
        """Return False: SQLite's row numbers are part of the transaction."""
        return False

    def _data_version(self) -> int:
        return int(self._database.read("PRAGMA data_version")[0]["data_version"])

    def observe(self, table: str, row: str) -> None:
        """Record the read of one row."""
        keys: DatabaseKeys = self._database.keys
        keys.record_reads(Accesses(reads=(RowSet(table, (row,)),)))

    def observe_all(self) -> None:
        """Record the read of everything."""
        self._database.keys.record_look()

    def locks_of(self, task: int) -> str | None:
        """Return the writer lock, if the connection that holds it was last used by the task."""
        holder = self._database.holder
        return "the writer lock" if holder is not None and holder.user == task else None

    def waits(self) -> list[str]:
        """Return the statements that wait for the writer lock."""
        return [f"{wait.statement} waits for the connection that holds the writer lock" for wait in self._seam.waits()]

    @property
    def description(self) -> str:
        """SQLite and its version."""
        import sqlite3

        return f"sqlite {sqlite3.sqlite_version} (WAL file, aiosqlite)"

    def findings(self) -> list[str]:
        """Return what the seam noticed."""
        return self._seam.findings


def open_database(setting: Setting, stack: ExitStack) -> Port | None:
    """Return the database of a case; it is closed with ``stack``."""
    if setting.engine == "none":
        return None
    if setting.engine == "sqlite":
        return SqlitePort(setting, stack)
    from simharness.world.postgresql import PostgresqlPort

    return PostgresqlPort(setting, stack)
