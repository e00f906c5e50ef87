"""One operation that the program handed to aiosqlite, and what sort of operation it is."""

from __future__ import annotations

import re
import sqlite3
from asyncio import Future
from collections.abc import Callable
from functools import partial
from typing import Any

from simharness.core.lane import acting
from simharness.database.catalog import Catalog
from simharness.database.footprints import EVERYTHING, NOTHING, Accesses, bind, bind_many
from simharness.database.predicates import Lookup, lookup
from simharness.database.shape import StatementShape, Verb, parse

_STATEMENTS = frozenset({"execute", "executemany", "executescript", "_execute_insert", "_execute_fetchall"})
_WHOLE_DATABASE = frozenset({"backup", "dumper"})
_FETCHES = frozenset({"fetchone", "fetchmany", "fetchall"})
_CLOSES = frozenset({"close", "close_and_stop"})
_PRAGMA = re.compile(r"\s*PRAGMA\s+(?:\w+\.)?(\w+)\s*(?:[=(]\s*['\"]?([\w.-]+))?", re.IGNORECASE)
# Settings of one connection and questions about the schema. The rest of the pragmas may change the file.
_LOCAL_PRAGMAS = frozenset(
    """
    busy_timeout cache_size case_sensitive_like collation_list compile_options database_list defer_foreign_keys encoding
    foreign_key_list foreign_keys function_list index_info index_list index_xinfo journal_mode journal_size_limit
    mmap_size query_only read_uncommitted recursive_triggers synchronous table_info table_list table_xinfo temp_store
    threads wal_autocheckpoint
    """.split()  # noqa: SIM905 — two dozen quoted names would be harder to read
)

_UNKNOWN = StatementShape(Verb.OTHER, unknown="a script or a copy of the whole database")


class Request:
    """One operation on its way to the database and back.

    Args:
        future: what aiosqlite awaits; None where nobody does.
        function: what its thread would call.

    Attributes:
        process: its causal name.
        pragma: name and value, if it is one.
        lookup: how it finds its rows, if that is known.
        error: what it raised.
        result: what it returned.
        retried: it has met the writer lock of another connection and waits for it.
        timer: the lock timeout that is running for it.
    """

    __slots__ = (
        "accesses",
        "error",
        "function",
        "future",
        "label",
        "lane",
        "lookup",
        "method",
        "owner",
        "parameters",
        "pragma",
        "process",
        "result",
        "retried",
        "shape",
        "source",
        "sql",
        "timer",
    )

    def __init__(self, future: Future[Any] | None, function: Callable[[], Any]) -> None:
        self.future = future
        self.function = function
        called = function.func if isinstance(function, partial) else function
        self.owner = getattr(called, "__self__", None)
        self.method = str(getattr(called, "__name__", ""))
        self.process = 0
        self.shape: StatementShape | None = None
        self.sql = ""
        self.parameters: Any = ()
        self.accesses = NOTHING
        self.label = self.method
        self.lane = acting()
        self.source: str | None = None
        self.pragma: tuple[str, str] | None = None
        self.lookup: Lookup | None = None
        self.error: Exception | None = None
        self.result: Any = None
        self.retried = False
        self.timer: int | None = None

    def understand(self, catalog: Catalog) -> None:
        """Find out what the operation does; ``shape`` stays None for plumbing (``cursor()``, ``fetchone``)."""
        if self.method in _WHOLE_DATABASE:
            self.shape, self.accesses = _UNKNOWN, EVERYTHING
        elif isinstance(self.owner, sqlite3.Connection) and self.method in {"commit", "rollback"}:
            self.shape = StatementShape(Verb.COMMIT if self.method == "commit" else Verb.ROLLBACK)
            self.label = str(self.shape.verb)
        elif self.method in _STATEMENTS and isinstance(self.function, partial):
            self._statement(self.function.args, catalog)

    def _statement(self, arguments: tuple[Any, ...], catalog: Catalog) -> None:
        self.sql = str(arguments[0])
        if self.method == "executescript":
            self.shape, self.accesses = _UNKNOWN, EVERYTHING
            return
        self.shape = parse(self.sql, "sqlite")
        if self.shape.verb is Verb.SETTING and (match := _PRAGMA.match(self.sql)):
            self.pragma = (match[1].lower(), (match[2] or "").lower())
        if self.method == "executemany":
            # An iterator can be read once: the driver gets the list too.
            self.parameters = list(arguments[1])
            assert isinstance(self.function, partial)
            self.function = partial(self.function.func, arguments[0], self.parameters)
            self.accesses = bind_many(self.shape, self.parameters, catalog)
        else:
            self.parameters = arguments[1] if len(arguments) > 1 else ()
            self.accesses = bind(self.shape, self.parameters, catalog)
            self.lookup = lookup(self.shape, self.parameters, self.accesses, catalog)
        if self.pragma is not None and not self.is_local:
            self.accesses = EVERYTHING
        self.label = _label(self.shape, self.accesses)

    def rewrite(self, sql: str) -> None:
        """Send another text to the database, of the same meaning to the program."""
        assert isinstance(self.function, partial)
        self.function = partial(self.function.func, sql)

    def call(self) -> None:
        """Do it, and keep what came of it."""
        # Whatever the driver raises belongs to whoever awaits.
        try:
            self.result = self.function()
        except Exception as error:
            self.error = error

    def resolve(self) -> None:
        """Hand the outcome to the program, unless it stopped waiting."""
        if self.future is None or self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)

    @property
    def verb(self) -> Verb | None:
        """What the statement does; None for plumbing."""
        return self.shape.verb if self.shape else None

    @property
    def fetches(self) -> bool:
        """Whether it reads on from a cursor."""
        return self.method in _FETCHES

    @property
    def closes(self) -> bool:
        """Whether it closes the connection."""
        return self.method in _CLOSES and not isinstance(self.owner, sqlite3.Cursor)

    @property
    def takes_lock(self) -> bool:
        """Whether it needs the writer lock, as far as its text tells."""
        shape = self.shape
        return shape is not None and (shape.verb.writes or (shape.verb is Verb.BEGIN and shape.locking))

    @property
    def is_local(self) -> bool:
        """Whether it is a pragma that concerns nothing but its own connection."""
        return self.pragma is not None and self.pragma[0] in _LOCAL_PRAGMAS

    @property
    def busy(self) -> bool:
        """Whether it failed because another connection was in the way."""
        return isinstance(self.error, sqlite3.Error) and (getattr(self.error, "sqlite_errorcode", 0) & 0xFF) == 5


def _label(shape: StatementShape, accesses: Accesses) -> str:
    target = shape.target
    if target is None:
        subjects = [subject for rows in accesses.reads for subject in rows.subjects]
    else:
        # Only the table that the text names, not those that foreign keys reach.
        own = [subject for rows in accesses.writes if rows.table == target.table for subject in rows.subjects]
        subjects = own or [target.table]
    return " ".join([str(shape.verb), ", ".join(dict.fromkeys(subjects))]).strip()
