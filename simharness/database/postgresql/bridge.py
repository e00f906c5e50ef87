"""Everything that the sessions of one execution share, and what outlives an execution: parked sessions, the monitor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from simharness.core.agenda import Agenda
from simharness.core.footprint import recorder
from simharness.database.postgresql import process
from simharness.database.postgresql.backend import Backend, ServerRefused
from simharness.database.postgresql.narration import Narrator
from simharness.database.postgresql.server import Server
from simharness.database.postgresql.transaction import Schema
from simharness.database.postgresql.wire import Message
from simharness.errors import SelfCheckFailed
from simharness.faults.fault import Effect, Place
from simharness.faults.plan import FaultPlan

if TYPE_CHECKING:
    from simharness.database.postgresql.session import Session

_FIRST_NUMBER = 1001
_ROW_LOCKS = """
SELECT DISTINCT c.relname FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE l.granted AND l.pid = {pid} AND l.mode <> 'AccessShareLock' AND c.relkind IN ('r', 'p')
AND n.nspname !~ '^(pg_|information_schema|simharness)'
"""
_BLOCKERS = (
    "SELECT p, pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(p), ',') "
    "FROM pg_catalog.unnest('{{{pids}}}'::pg_catalog.int4[]) p"
)
_DEFINITION_TAGS = (b"CREATE", b"ALTER", b"DROP", b"GRANT", b"REVOKE", b"COMMENT", b"REINDEX")


class Bridge:
    """The sessions of one execution, and who waits for whom.

    Args:
        agenda: the loop's side.
        epoch_ns: Unix time in nanoseconds at the start of the execution.
        schema: the database.
        parking: where backends come from and go to.
        settings: what sessions start with unless they ask for something else.
        checking: compare each footprint with the server's locks.
        faults: those that may strike.
    """

    def __init__(
        self,
        agenda: Agenda,
        epoch_ns: int,
        schema: Schema,
        parking: Parking,
        settings: Mapping[str, str],
        *,
        checking: bool = False,
        faults: FaultPlan | None = None,
    ) -> None:
        self.agenda = agenda
        self.epoch_ns = epoch_ns
        self.schema = schema
        self.settings = settings
        self.gives_up: Callable[[str], bool] | None = None
        if faults is not None and faults.allows(Effect.LOCK_TIMEOUT):
            self.gives_up = partial(_strikes, faults, agenda)
        self.defined = False
        self._checking = checking
        self._parking = parking
        self._sessions: list[Session] = []
        self._numbers: dict[int, int] = {}
        self._next = _FIRST_NUMBER

    def next_number(self) -> int:
        """Return what the program takes for the process number of its next session."""
        self._next += 1
        return self._next - 1

    def number_of(self, pid: int) -> int:
        """Return the session's number for an operating system's process number; 0 for foreign ones."""
        return self._numbers.get(pid, 0)

    def acquire(self, session: Session, parameters: Mapping[str, str]) -> Backend:
        """Return a backend for a session: a parked one with the same startup parameters, or a new one."""
        session.parked_as, backend = self._parking.take(parameters)
        self._sessions.append(session)
        self._numbers[backend.pid] = session.number
        return backend

    def release(self, session: Session) -> None:
        """Take a session's backend back; an open transaction is rolled back."""
        backend, session.backend = session.backend, None
        self._sessions.remove(session)
        if backend is not None:
            self._parking.put(session.parked_as, backend, waiting=session.waiting, clean=session.clean)
        session.waiting = False

    def drop(self, session: Session) -> None:
        """Forget a session whose backend is gone."""
        self._sessions.remove(session)
        if session.backend is not None:
            session.backend.close()
        session.backend, session.waiting = None, False

    def cancel(self, number: int) -> None:
        """Cancel what the session with this number waits for."""
        for session in self._sessions:
            if session.number == number:
                session.cancel()

    def settle(self) -> None:
        """Find out which waiting sessions were granted their lock; called after everything that may release one."""
        waiting = [s for s in self._sessions if s.waiting and not s.granted]
        if not waiting:
            return
        free = self._parking.unblocked([s.backend.pid for s in waiting if s.backend is not None])
        for session in waiting:
            session.granted = session.backend is not None and session.backend.pid in free

    def waits(self) -> list[tuple[int, tuple[int, ...]]]:
        """Return who waits for whom, by session number: for the report of a program that stands still."""
        waiting = [s for s in self._sessions if s.waiting and s.backend is not None]
        blockers = self._parking.blockers([s.backend.pid for s in waiting if s.backend is not None])
        return [
            (s.number, tuple(sorted(self.number_of(pid) for pid in blockers.get(s.backend.pid, ()))))
            for s in waiting
            if s.backend is not None
        ]

    def tables_locked_by(self, task: int) -> set[str]:
        """Return the tables in which open transactions of a task have locked rows."""
        mine = [session.transaction for session in self._sessions if session.transaction.user == task]
        return {table for transaction in mine for table in transaction.row_locks}

    def standstill(self) -> list[str]:
        """Return who waits for whom, one sentence for each session that waits."""
        blockers = dict(self.waits())
        return [
            f"session {session.number} waits for {_sessions(blockers.get(session.number, ()))}: {session.running}"
            for session in self._sessions
            if session.waiting
        ]

    def blockers_of(self, session: Session) -> str:
        """Return, for a timeline, whom a waiting session waits for."""
        numbers = dict(self.waits()).get(session.number, ())
        lanes = {each.number: each.lane for each in self._sessions}
        return ", ".join(f"the {lanes[number]} (session {number})" for number in numbers if number in lanes) or "a lock"

    def narrator(self, session: int) -> Narrator:
        """Return who tells the timeline what batches of a session did."""
        return Narrator(self.schema, self._parking.monitor, lambda operation: recorder.note(lambda: operation), session)

    def committed(self, _session: Session) -> None:
        """A transaction ended: sessions that listen may have been notified."""
        for session in self._sessions:
            session.collect_notifications()

    def observe_tags(self, reply: Iterable[Message]) -> None:
        """Remember whether the schema was changed: then filling tables again is not enough of a reset."""
        self.defined |= any(m.kind == b"C" and m.body.startswith(_DEFINITION_TAGS) for m in reply)

    def check(self, session: Session) -> None:
        """In check mode, hold a session's footprint against the locks that its backend really holds.

        Raises:
            SelfCheckFailed: the server locked rows of a table that the footprint does not name.
        """
        expected = session.transaction.locked_tables
        if not self._checking or session.backend is None or expected is None:
            return
        rows = self._parking.monitor.query(_ROW_LOCKS.format(pid=session.backend.pid))
        missed = sorted({str(table).lower() for (table,) in rows} - expected)
        if missed:
            raise SelfCheckFailed(
                f"PostgreSQL holds row locks in {', '.join(missed)}, which the footprint does not name"
            )

    def cut(self) -> None:
        """The client is gone without a word: its sessions end, and what they had not committed is rolled back."""
        for session in self._sessions:
            session.moments.disarm()
        self.abandon()

    def abandon(self) -> None:
        """Take all backends back, whatever they are doing."""
        for session in list(self._sessions):
            session.outbox.closed = True
            self.release(session)


def _strikes(faults: FaultPlan, agenda: Agenda, statement: str) -> bool:
    return faults.ask(agenda.chooser, Place.STATEMENT, statement, lane="database") is not None


def _sessions(numbers: Iterable[int]) -> str:
    return ", ".join(f"session {number}" for number in numbers) or "a lock"


class Parking:
    """Backends that outlive an execution, by the startup parameters that they were opened with.

    Args:
        server: where new ones come from.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._parked: dict[str, list[Backend]] = {}
        self._monitor: Backend | None = None

    @property
    def monitor(self) -> Backend:
        """A session of our own, which no program sees."""
        if self._monitor is None:
            self._monitor = self._server.dial({"application_name": "simharness monitor"})
        return self._monitor

    def take(self, parameters: Mapping[str, str]) -> tuple[str, Backend]:
        """Return the place to put it back to, and a backend."""
        place = repr(sorted(parameters.items()))
        parked = self._parked.get(place)
        return place, parked.pop(0) if parked else self._server.dial(parameters)

    def put(self, place: str, backend: Backend, *, waiting: bool, clean: bool) -> None:
        """Bring a backend to rest and park it; one that cannot be brought to rest is closed."""
        try:
            if waiting:
                process.interrupt(backend.pid)
                process.resume(backend.pid)
                backend.read([], lambda message: message.kind == b"Z")
            elif not clean:
                # A COPY under way, or work that waits for a Sync: only the end of the connection ends it.
                backend.close()
                return
            if backend.status != b"I":
                backend.query("ROLLBACK")
            backend.query("DISCARD ALL")
        except (ConnectionError, ServerRefused):
            backend.close()
            return
        parked = self._parked.setdefault(place, [])
        parked.append(backend)
        # Sorted: which backend serves which session must not depend on the schedule before this one.
        parked.sort(key=lambda one: one.pid)

    def unblocked(self, pids: list[int]) -> set[int]:
        """Return those of some waiting backends that nobody blocks any more."""
        return {pid for pid, blockers in self.blockers(pids).items() if not blockers}

    def blockers(self, pids: list[int]) -> dict[int, tuple[int, ...]]:
        """Return who blocks each of some waiting backends."""
        if not pids:
            return {}
        rows = self.monitor.query(_BLOCKERS.format(pids=",".join(map(str, pids))))
        return {int(pid or 0): tuple(int(b) for b in (by or "").split(",") if b) for pid, by in rows}

    def close(self) -> None:
        """End all sessions."""
        for parked in self._parked.values():
            for backend in parked:
                backend.close()
        self._parked.clear()
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
