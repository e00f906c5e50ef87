"""Waiting for the writer lock: who waits for whom, and the timeout where a scenario allows one."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from simharness.core.footprint import recorder
from simharness.database.shape import Verb
from simharness.faults.fault import Place

if TYPE_CHECKING:
    from simharness.database.sqlite.request import Request
    from simharness.database.sqlite.session import Session

_LOCKED = "database is locked"


class Wait(NamedTuple):
    """A statement that waits for the writer lock.

    Args:
        waiter: causal name of the waiting statement.
        holder: causal name of the connection that holds the lock.
        statement: what waits, for messages.
        source: ``path:line`` of the waiting call, while narrating.
    """

    waiter: int
    holder: int
    statement: str
    source: str | None


def wait_of(session: Session) -> Wait | None:
    """Return who a connection waits for, if it does."""
    database = session.database
    if not session.queue or database is None or database.holder is None or not session.blocked(session.queue[0]):
        return None
    request = session.queue[0]
    return Wait(request.process, database.holder.key, request.label, request.source)


def arm(session: Session) -> None:
    """Start the lock timeout of a statement that has begun to wait, where the scenario allows one."""
    database, agenda = session.database, session.seam.agenda
    if database is None or agenda is None or not database.waits_end:
        return
    # Whether it waits depends on the lock, and whoever takes the lock looks for those that wait.
    recorder.read(database.keys.writer)
    recorder.add(database.waiters)
    if wait_of(session) is None:
        return
    request, limit_ns = session.queue[0], database.lock_timeout_ns
    if limit_ns is None:
        limit_ns = session.patience_ns
    if request.timer is None:
        label = f"lock timeout of {request.label}"
        request.timer = agenda.after(limit_ns, label, lambda: _give_up(session, request))


def disarm(session: Session, request: Request) -> None:
    """Stop the timeout of a statement that got its turn."""
    if request.timer is not None and session.seam.agenda is not None:
        session.seam.agenda.cancel_timer(request.timer)
        request.timer = None


def _give_up(session: Session, request: Request) -> None:
    assert session.database is not None
    assert session.seam.agenda is not None
    request.timer = None
    recorder.read(session.database.keys.writer)
    recorder.write(session.key)
    # The lock came free in the meantime: the statement has yet to run, and waits anew if it is taken again.
    if not session.queue or session.queue[0] is not request or not session.blocked(request):
        return
    if session.database.lock_timeout_ns is None:
        faults, chooser = session.database.faults, session.seam.agenda.chooser
        verb = Verb.OTHER if request.verb is None else request.verb
        if faults.ask(chooser, Place.STATEMENT, verb.value, lane="database") is None:
            return
    session.seam.agenda.withdraw(request.process)
    session.queue.popleft()
    error = sqlite3.OperationalError(_LOCKED)
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_BUSY, "SQLITE_BUSY"
    request.error = error
    session.deliver(request)
