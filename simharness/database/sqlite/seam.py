"""Where aiosqlite hands its operations to a thread, simharness takes them instead.

aiosqlite puts ``(future, function)`` into a queue that a worker thread reads. Here the queue is a mailbox and the
thread does not start; everything else, up to SQLAlchemy's sessions and pools, is the real and unmodified thing.
"""

from __future__ import annotations

import functools
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import aiosqlite.core
import sqlalchemy.event
from sqlalchemy.connectors.asyncio import AsyncAdapt_dbapi_cursor
from sqlalchemy.pool import Pool

from simharness.core.agenda import Agenda
from simharness.core.footprint import recorder
from simharness.database.shape import StatementShape, Verb
from simharness.database.sqlite.clock import DEFAULT_EPOCH_NS, VirtualCalendar
from simharness.database.sqlite.files import SqliteDatabase
from simharness.database.sqlite.request import Request
from simharness.database.sqlite.session import Session
from simharness.database.sqlite.waiting import Wait, arm, wait_of
from simharness.errors import Nondeterminism

# How far up the stack SQLAlchemy's frames are from the mailbox.
_NEAR = 8


class Mailbox:
    """Stands in for the queue of one aiosqlite connection."""

    def __init__(self, seam: SqliteSeam, session: Session) -> None:
        self._seam = seam
        self.session = session

    def put_nowait(self, item: Any) -> None:
        """Take what aiosqlite hands to its thread; it also sends a bare stop mark, which needs no answer."""
        if isinstance(item, tuple):
            self._seam.submit(self.session, Request(*item))


class UnstartedThread:
    """Stands in for the worker thread: accepts its settings and never runs."""

    daemon = True

    def start(self) -> None:
        """Do nothing: the mailbox needs no reader."""


class SqliteSeam:
    """Takes over every aiosqlite connection while installed.

    Args:
        databases: the databases that the program may open, prepared.
        epoch_ns: the wall clock at virtual time 0, in nanoseconds since 1970.

    Attributes:
        agenda: where statements are offered; None outside of an execution: then they run at once.
        findings: what was noticed about the program's SQL, each once.
    """

    def __init__(self, databases: Sequence[SqliteDatabase], *, epoch_ns: int = DEFAULT_EPOCH_NS) -> None:
        self._databases = {database.path: database for database in databases}
        self._connections: list[tuple[Any, Session]] = []
        self._epoch_ns = epoch_ns
        self._calendar = VirtualCalendar(self.now_ns)
        self._original: Callable[..., None] | None = None
        self.agenda: Agenda | None = None
        self.findings: list[str] = []

    def __enter__(self) -> SqliteSeam:
        original = aiosqlite.core.Connection.__init__
        self._original = original
        seam = self

        @functools.wraps(original)
        def take_over(connection: Any, *arguments: Any, **options: Any) -> None:
            original(connection, *arguments, **options)
            seam._take_over(connection)

        aiosqlite.core.Connection.__init__ = take_over
        sqlalchemy.event.listen(Pool, "checkout", self._checked_out)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_execution()
        sqlalchemy.event.remove(Pool, "checkout", self._checked_out)
        aiosqlite.core.Connection.__init__ = self._original

    def begin_execution(self, agenda: Agenda) -> None:
        """Put all databases back to their templates and offer statements to ``agenda`` from now on."""
        self.close_execution()
        for database in self._databases.values():
            database.fresh()
        self.agenda = agenda

    def close_execution(self) -> None:
        """Close every real handle at once, however far the program got; its tasks must not run again."""
        self.agenda = None
        self._abandon_connections()
        for database in self._databases.values():
            database.release()
        self._calendar.close()

    def cut(self) -> None:
        """Close the handles of a program that has crashed: what it had not committed is rolled back."""
        self._abandon_connections()
        for database in self._databases.values():
            database.holder = None

    def waits(self) -> list[Wait]:
        """Return which statements wait for which connection."""
        return [wait for _, session in self._connections if (wait := wait_of(session)) is not None]

    def _abandon_connections(self) -> None:
        for connection, session in self._connections:
            session.abandon()
            connection._connection = None
            connection._running = False
        self._connections.clear()

    # -- for sessions ----------------------------------------------------------------------------------------------

    def submit(self, session: Session, request: Request) -> None:
        """Take one operation of a connection; a connection of an execution that is over gets no answer."""
        if any(known is session for _, known in self._connections):
            session.submit(request, streaming=_is_streaming(request))

    def adopt(self, connection: sqlite3.Connection) -> SqliteDatabase:
        """Return the database that a new connection opened.

        Raises:
            Nondeterminism: it is a file that no execution resets.
        """
        _, _, path = connection.execute("PRAGMA database_list").fetchone()
        database = self._databases.get(str(path))
        if database is None:
            message = (
                f"the program opened the SQLite database {Path(path).name or ':memory:'!r}, which is not reset between "
                "executions; open the one that is served: world().database.url, in a system world.database.url"
            )
            self.find(message)  # The program may swallow the error.
            raise Nondeterminism(message)
        self._calendar.install(connection)
        return database

    def now_ns(self) -> int:
        """Return the virtual wall clock, nanoseconds since 1970."""
        return self._epoch_ns + (self.agenda.clock.now_ns if self.agenda else 0)

    def lock_taken(self, database: SqliteDatabase) -> None:
        """Let the statements that wait from now on start their timeouts."""
        if not database.waits_end:
            return
        recorder.read(database.waiters)
        for _, session in self._connections:
            if session.database is database:
                arm(session)

    def inspect(self, shape: StatementShape) -> None:
        """Look for what no seam can make repeatable or precise."""
        if shape.random:
            self.find("SQL calls random(): its results differ from run to run")
        if shape.unknown and shape.verb is not Verb.OTHER:
            self.find(f"SQL is {shape.unknown}: it counts as touching the whole database")

    def find(self, text: str) -> None:
        """Remember something about the program, once."""
        if text not in self.findings:
            self.findings.append(text)

    # -- patches ---------------------------------------------------------------------------------------------------

    def _take_over(self, connection: Any) -> None:
        session = Session(self, adapted=_called_by_sqlalchemy())
        connection._tx = Mailbox(self, session)
        if hasattr(connection, "_thread"):
            connection._thread = UnstartedThread()
        else:  # before aiosqlite 0.22 the connection was itself the thread
            connection.start = UnstartedThread().start
        self._connections.append((connection, session))

    def _checked_out(self, adapted: Any, record: Any, proxy: Any) -> None:
        """Name a pooled connection after its checkout: which one of the pool it is depends on the schedule."""
        mailbox = getattr(getattr(adapted, "driver_connection", None), "_tx", None)
        if isinstance(mailbox, Mailbox):
            mailbox.session.key = recorder.fresh("connection")
            mailbox.session.streams.clear()


def _called_by_sqlalchemy() -> bool:
    frame = sys._getframe(2)
    for _ in range(_NEAR):
        if frame is None:
            return False
        if str(frame.f_globals.get("__name__", "")).startswith("sqlalchemy."):
            return True
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return False


def _is_streaming(request: Request) -> bool:
    """Whether SQLAlchemy will read the result bit by bit, with lines of the program in between."""
    if request.method != "execute":
        return False
    frame = sys._getframe(2)
    for _ in range(_NEAR):
        if frame is None:
            return False
        if frame.f_code is AsyncAdapt_dbapi_cursor._execute_async.__code__:
            return bool(frame.f_locals["self"].server_side)
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return False
