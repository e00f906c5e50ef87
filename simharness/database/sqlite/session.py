"""One connection: the queue of its operations, its transaction, and what each statement means for others.

SQLite has one writer lock per database. Who takes or gives it back *writes* its key; who needs it for a moment
(an autocommitted write) *reads* it. A statement that would wait is disabled, so no attempt at it ever happens.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simharness.core import lane
from simharness.core.agenda import WorldEvent
from simharness.core.footprint import recorder
from simharness.core.step import Arrival, Kind
from simharness.database.catalog import Catalog
from simharness.database.footprints import NOTHING, Accesses, RowSet
from simharness.database.predicates import Contents
from simharness.database.shape import Verb
from simharness.database.sqlite.files import SqliteDatabase
from simharness.database.sqlite.narration import Narrator
from simharness.database.sqlite.request import Request
from simharness.database.sqlite.waiting import arm, disarm
from simharness.errors import Nondeterminism

if TYPE_CHECKING:
    from simharness.database.sqlite.seam import SqliteSeam


def _unused() -> int:
    return 0


class Session:
    """One aiosqlite connection of one execution.

    Args:
        seam: where it belongs.
        adapted: whether SQLAlchemy drives it; then fetching and closing happen between no two lines of the program.

    Attributes:
        key: causal name of the connection, or of its present checkout from a pool.
        queue: operations that were handed in and have not happened, in order.
        written: what its transaction changed so far.
        user: the task that handed in an operation last.
    """

    def __init__(self, seam: SqliteSeam, *, adapted: bool) -> None:
        self.seam = seam
        self.adapted = adapted
        self.key = recorder.fresh("connection")
        self.raw: sqlite3.Connection | None = None
        self.database: SqliteDatabase | None = None
        self.queue: deque[Request] = deque()
        self.written = NOTHING
        self.user: int | None = None
        self.streams: list[Any] = []
        self._replies: deque[Request] = deque()
        self._timeout_ms = 0
        self._snapshot = False
        self._touched = False
        self._before: Contents = {}

    # -- what the program hands in ---------------------------------------------------------------------------------

    def submit(self, request: Request, *, streaming: bool) -> None:
        """Take an operation of the program: run plumbing at once, offer the rest to the explorer."""
        recorder.write(self.key)
        self.user = lane.running_task()
        if self.raw is None:
            if request.method == "connector":
                self._connect(request)
            else:  # closing what is closed
                self._at_once(request, rounds=not self.adapted)
            return
        assert self.database is not None
        request.understand(self.database.catalog)
        if streaming and request.owner is not None:
            self.streams.append(request.owner)
        if request.pragma is not None:
            self._pragma(request, *request.pragma)
        if self._is_plumbing(request):
            self._at_once(request, rounds=not self.adapted or request.owner in self.streams)
        elif self._is_idle_end(request):
            self._at_once(request, rounds=True)
        else:
            self._offer(request)

    def abandon(self) -> None:
        """Close the real connection and forget what was on its way."""
        raw, self.raw = self.raw, None
        self.queue.clear()
        self._replies.clear()
        self.streams.clear()
        if raw is not None:
            # A cursor that somebody still holds would keep the connection, and its transaction, alive after close.
            raw.rollback()
            raw.close()

    def _is_plumbing(self, request: Request) -> bool:
        if self.queue or self._holds_implicitly():
            return False
        if request.closes:
            return not self._holds()
        return request.shape is None or request.is_local

    def _is_idle_end(self, request: Request) -> bool:
        """Whether it ends a transaction that never began: nothing happens, but the program is suspended."""
        return request.verb in {Verb.COMMIT, Verb.ROLLBACK} and not (self.queue or self._touched or self._holds())

    def _connect(self, request: Request) -> None:
        request.call()
        raw = request.result
        if isinstance(raw, sqlite3.Connection):
            try:
                self.database = self.seam.adopt(raw)
            except Nondeterminism as error:
                raw.close()
                request.error = error
                raw = None
        if raw is not None:
            self.raw = raw
            self._timeout_ms = int(self.raw.execute("PRAGMA busy_timeout").fetchone()[0])
            self.raw.execute("PRAGMA busy_timeout=0")
            # Redefining a function fails while a statement is running: that is how _reading() asks.
            self.raw.create_function("simharness_unused", 0, _unused)
        self._answer(request, rounds=not self.adapted)

    def _pragma(self, request: Request, name: str, value: str) -> None:
        if name == "busy_timeout":
            if value.lstrip("-").isdigit():
                self._timeout_ms = max(0, int(value))
            request.rewrite(f"SELECT {self._timeout_ms} AS timeout")
        elif name == "journal_mode" and value not in {"", "wal"}:
            self.seam.find(f"PRAGMA journal_mode={value} was ignored: statements are explored in WAL mode")
            request.rewrite("PRAGMA journal_mode")

    def _at_once(self, request: Request, *, rounds: bool) -> None:
        if request.is_local and self.database is not None:
            recorder.read(self.database.keys.everything)  # the schema
        request.call()
        if request.closes:
            self.raw = None
        self._answer(request, rounds=rounds)

    def _answer(self, request: Request, *, rounds: bool) -> None:
        if rounds and request.future is not None and self.seam.agenda is not None:
            request.process = recorder.fresh("sql")
            self.deliver(request)
        else:
            request.resolve()

    def _offer(self, request: Request) -> None:
        agenda = self.seam.agenda
        request.process = recorder.fresh("sql")
        if recorder.narrating:
            request.source = lane.caller()
        if request.shape is not None:
            self.seam.inspect(request.shape)
        self.queue.append(request)
        if agenda is None:
            self._execute(request)
            return
        self._offer_execution(request)
        arm(self)

    def _offer_execution(self, request: Request) -> None:
        assert self.seam.agenda is not None
        self.seam.agenda.offer(
            WorldEvent(
                request.process,
                Kind.EXECUTE,
                request.label,
                lambda: self._execute(request),
                ready=lambda: self._ready(request),
            )
        )

    @property
    def patience_ns(self) -> int:
        """How long the program lets this connection wait for a lock, in nanoseconds."""
        return self._timeout_ms * 1_000_000

    # -- waiting ---------------------------------------------------------------------------------------------------

    def _ready(self, request: Request) -> bool:
        return bool(self.queue) and self.queue[0] is request and not self.blocked(request)

    def blocked(self, request: Request) -> bool:
        """Whether SQLite's busy handler would be waiting: the lock is taken and this connection read nothing yet."""
        assert self.database is not None
        holder = self.database.holder
        if holder is None or holder is self or not (request.takes_lock or request.retried):
            return False
        return self._timeout_ms > 0 and not self._has_snapshot()

    # -- the database acts -----------------------------------------------------------------------------------------

    def _execute(self, request: Request) -> None:
        assert self.database is not None
        recorder.write(self.key)
        if self.raw is None:  # closed by an operation before this one; the driver says so itself
            self.queue.popleft()
            request.call()
            self.deliver(request)
            return
        keys = self.database.keys
        recorder.read(keys.everything)
        had_snapshot = self._has_snapshot()
        was_open = self.raw.in_transaction
        if request.takes_lock or request.accesses.everything:
            recorder.read(keys.writer)
        if not had_snapshot:
            # What this transaction has written itself, the second connection does not see.
            by = request.lookup if self.written == NOTHING else None
            self.database.predicates.record_reads(request.accesses, by)
        elif request.takes_lock:
            recorder.read(keys.commits)  # The lock is only given to a snapshot that nobody has overtaken.
        narrator = Narrator(self, request) if recorder.narrating else None
        self._remember(request, was_open=was_open)
        request.call()
        if request.busy and not had_snapshot and self._may_retry(request):
            self._retry(request)
            return
        self.queue.popleft()
        self._settle(request, was_open=was_open, had_snapshot=had_snapshot)
        if narrator is not None:
            narrator.finish()
        disarm(self, request)
        self.deliver(request)

    def _remember(self, request: Request, *, was_open: bool) -> None:
        """Look at what an operation may publish, before it does."""
        assert self.database is not None
        self._before = {}
        if request.verb is Verb.COMMIT or not was_open:
            written = self.written.writes + request.accesses.writes
            self._before = self.database.predicates.contents(written, self.database.catalog)

    def _may_retry(self, request: Request) -> bool:
        """Whether a text that was not understood met the lock and had no effect."""
        assert self.database is not None
        single = request.method != "executescript"
        return (
            single
            and self.database.holder not in {None, self}
            and self._timeout_ms > 0
            and self.seam.agenda is not None
        )

    def _retry(self, request: Request) -> None:
        request.retried = True
        request.error = None
        self._offer_execution(request)
        arm(self)

    def _settle(self, request: Request, *, was_open: bool, had_snapshot: bool) -> None:
        """Bring the transaction, the lock and the footprint up to date with what the database did."""
        assert self.database is not None
        if request.closes:
            self._end(publish=False, still_open=False)
            self.raw = None
            return
        assert self.raw is not None
        is_open = self.raw.in_transaction
        self._note_changes(request)
        if request.verb is Verb.OTHER and request.error is None:
            # It may have changed the schema: until the next execution nothing is known about any table.
            self.database.catalog = Catalog()
        ended = was_open and not is_open
        if request.verb in {Verb.COMMIT, Verb.ROLLBACK} and request.error is None:
            ended = True
        if ended:
            self._end(publish=request.error is None and request.verb is not Verb.ROLLBACK, still_open=is_open)
            return
        self._touched = is_open
        self._take(request)
        if not is_open and not (self._holds() and self._reading()):
            self._end(publish=True, still_open=False)  # it committed itself
        touches = request.accesses.reads or request.accesses.writes or request.accesses.everything
        if not request.busy and touches:
            self._keep_snapshot(request, is_open=is_open, had_snapshot=had_snapshot)

    def _note_changes(self, request: Request) -> None:
        assert self.database is not None
        shape = request.shape
        if request.busy or shape is None or not (shape.verb.writes or request.accesses.everything):
            return
        changed = replace(request.accesses, reads=(), generates=())
        for table in request.accesses.generates if request.error is None else ():
            made = _generated(request)
            changed = changed | Accesses(writes=(RowSet(table, made),))
            # It was not there before, unless the transaction took it away, and then it has been looked at.
            self._before.setdefault(table, {}).update(
                (row, None) for row in made or () if row not in self._before.get(table, {})
            )
        self.written = self.written | changed
        self.database.keys.record_unique(changed)

    def _take(self, request: Request) -> None:
        """Notice that a statement took the writer lock; the database itself is asked."""
        assert self.database is not None
        if self.database.holder is not None or request.verb in {Verb.SELECT, Verb.SAVEPOINT}:
            return
        if (self._touched or self._reading()) and self.database.locked():
            recorder.write(self.database.keys.writer)
            self.database.holder = self
            self.seam.lock_taken(self.database)

    def _keep_snapshot(self, request: Request, *, is_open: bool, had_snapshot: bool) -> None:
        assert self.database is not None
        self._snapshot = is_open
        # Half-read results pin the moment too, unless SQLAlchemy fetches them all before anything else happens.
        kept = is_open or ((not self.adapted or request.owner in self.streams) and self._reading())
        if kept and not had_snapshot and self.database.holder is not self:
            recorder.read(self.database.keys.commits)

    def _end(self, *, publish: bool, still_open: bool) -> None:
        assert self.database is not None
        if publish:
            self._publish()
        self.written = NOTHING
        self._snapshot = self._touched = False
        if not self._holds():
            return
        # After COMMIT a driver in autocommit=False mode has begun again, and a half-read statement may go on.
        if (still_open or self._reading()) and self.database.locked():
            return
        recorder.write(self.database.keys.writer)
        self.database.holder = None

    def _publish(self) -> None:
        assert self.database is not None
        self.database.keys.record_published(self.written)
        self.database.predicates.record_published(self.written.writes, self._before, self.database.catalog)
        self.written = NOTHING

    def deliver(self, request: Request) -> None:
        """Offer the reply, or hand it over at once where nobody explores."""
        agenda = self.seam.agenda
        if agenda is None or request.future is None:
            request.resolve()
            return
        self._replies.append(request)
        agenda.offer(
            WorldEvent(
                request.process,
                Kind.DELIVER,
                f"reply {request.label}",
                lambda: self._reply(request),
                ready=lambda: self._replies[0] is request,
                arrival=Arrival.THREAD,
            )
        )

    def _reply(self, request: Request) -> None:
        # Replies of one connection arrive in order; only a connection that tasks share can tell.
        recorder.write(self.key)
        self._replies.popleft()
        request.resolve()

    # -- state -----------------------------------------------------------------------------------------------------

    def _holds(self) -> bool:
        return self.database is not None and self.database.holder is self

    def _holds_implicitly(self) -> bool:
        """Whether a half-read `… RETURNING` outside a transaction keeps the lock: fetching the rest commits."""
        return self._holds() and self.raw is not None and not self.raw.in_transaction

    def _has_snapshot(self) -> bool:
        assert self.raw is not None
        return (self._snapshot and self.raw.in_transaction) or self._reading()

    def _reading(self) -> bool:
        """Ask the connection whether a statement of it is half done."""
        if self.raw is None:
            return False
        try:
            self.raw.create_function("simharness_unused", 0, _unused)
        except sqlite3.Error:
            return True
        return False


def _generated(request: Request) -> tuple[str, ...] | None:
    """Return the key that the database made up, or None where it does not tell."""
    result = request.result
    row: Any = None
    if isinstance(result, sqlite3.Cursor) and request.method == "execute":
        row = result.lastrowid
    elif request.method == "_execute_insert" and result:
        row = result[0]
    return None if row is None else (str(row),)
