"""The same bug on PostgreSQL, by hand: the handler's UPDATE waits for the endpoint's row lock, then overwrites.

Also a deadlock of two sessions that lock two rows in opposite order.
"""

from __future__ import annotations

from mission_bug import FIRST_CONNECTION, HANDLER, ORDER, SECOND_CONNECTION, reads, step, writes

from simharness.core.footprint import EMPTY, Footprint
from simharness.core.schedule import Schedule
from simharness.core.step import Kind, Operation, Step
from simharness.core.verdict import Counterexample, Finding, RecordedExecution

API = "managers/bots/api.py"
EVENTS = "managers/bots/events.py"


def _endpoint(effect: str, text: str, line: int, subject: str = "bots#1", **values: dict[str, str]) -> Operation:
    return Operation("endpoint", text, "database", f"{API}:{line}", effect, subject, **values)


def _handler(effect: str, text: str, line: int, subject: str = "bots#1", **values: dict[str, str]) -> Operation:
    return Operation("handler", text, "database", f"{EVENTS}:{line}", effect, subject, **values)


MARKED = _endpoint(
    "write",
    "UPDATE orders#1 reason=UPDATE",
    80,
    "orders#1",
    committed={"reason": "NULL"},
    uncommitted={"reason": "UPDATE"},
)
TOUCHED = _endpoint(
    "write", "UPDATE bots#1 version=2", 81, committed={"status": "ACTIVE"}, uncommitted={"version": "2"}
)
SEEN = _handler("read", "SELECT orders#1 -> reason NULL", 41, "orders#1", observed={"reason": "NULL"})
WAITS = _handler("wait", "UPDATE bots#1 status=STOPPED", 55)
PUBLISHED = _endpoint("commit", "COMMIT", 90, "orders#1, bots#1")
GOES_ON = _handler("write", "UPDATE bots#1 status=STOPPED", 55, uncommitted={"status": "STOPPED"})
OVERWRITTEN = _handler("commit", "COMMIT bots#1 STOPPED", 57)


def _statement(process: int, index: int, operation: Operation, footprint: Footprint = EMPTY) -> Step:
    return step(process, index, operation.text, operation, footprint=footprint, kind=Kind.EXECUTE)


def overwriting() -> RecordedExecution:
    """Return an execution in which the handler waits for the endpoint's lock and overwrites what it committed."""
    steps = (
        _statement(FIRST_CONNECTION, 0, MARKED),
        _statement(FIRST_CONNECTION, 1, TOUCHED),
        _statement(SECOND_CONNECTION, 0, SEEN, reads(ORDER)),
        _statement(SECOND_CONNECTION, 1, WAITS),
        _statement(FIRST_CONNECTION, 2, PUBLISHED, writes(ORDER)),
        _statement(SECOND_CONNECTION, 2, GOES_ON),
        _statement(SECOND_CONNECTION, 3, OVERWRITTEN),
        step(HANDLER, 0, "handler ends", cause=6),
    )
    return RecordedExecution(steps, Schedule((), len(steps)), (), "1" * 16)


def deadlocking() -> RecordedExecution:
    """Return an execution that ends in two sessions waiting for each other."""
    steps = (
        _statement(FIRST_CONNECTION, 0, _endpoint("lock", "SELECT bots#1 FOR UPDATE", 80)),
        _statement(SECOND_CONNECTION, 0, _handler("lock", "SELECT orders#1 FOR UPDATE", 41, "orders#1")),
        _statement(FIRST_CONNECTION, 1, _endpoint("wait", "UPDATE orders#1", 81, "orders#1")),
        _statement(SECOND_CONNECTION, 1, _handler("wait", "UPDATE bots#1", 55)),
        _statement(SECOND_CONNECTION, 2, _handler("rollback", "ROLLBACK deadlock detected", 55)),
    )
    return RecordedExecution(steps, Schedule((), len(steps)), (), "2" * 16)


def counterexample(execution: RecordedExecution, finding: Finding, reachable: bool | None = True) -> Counterexample:
    return Counterexample(finding, execution.schedule, execution.digest, "sh1-0123456789ABCDEF", reachable, 2)
