"""Hand-made executions of the bug of MISSION.md: the handler reads the reason before the endpoint commits it."""

from __future__ import annotations

from dataclasses import replace

from simharness.core import name
from simharness.core.footprint import EMPTY, Footprint
from simharness.core.schedule import Deviation, Schedule
from simharness.core.step import Arrival, Kind, Operation, Step
from simharness.core.verdict import Counterexample, Finding, RecordedExecution
from simharness.report.timeline import Heading

API = "managers/bots/api.py"
EVENTS = "managers/bots/events.py"

ORDER = name.static("orders#1")
BOT = name.static("bots#1")
LOCK = name.static("lock orders#1")
VENUE_ORDER = name.static("o-1")

ENDPOINT = name.static("endpoint task")
STREAM = name.static("stream user")
VENUE = name.static("rest cancel_order")
HANDLER = name.static("handler task")
FIRST_CONNECTION = name.static("db 1")
SECOND_CONNECTION = name.static("db 2")


def reads(*keys: int) -> Footprint:
    return Footprint(reads=frozenset(keys))


def writes(*keys: int) -> Footprint:
    return Footprint(writes=frozenset(keys))


def step(
    process: int,
    index: int,
    label: str = "",
    *operations: Operation,
    footprint: Footprint = EMPTY,
    cause: int | None = None,
    kind: Kind = Kind.HANDLE,
) -> Step:
    arrival = Arrival.SELECT if kind is Kind.DELIVER else None
    return Step(process, index, kind, arrival, label, footprint, cause, operations=operations)


PUT = Operation("endpoint", "PUT /api/v1/bots/1 buy_price=99", source="scenarios/bot-update.yaml:12", effect="receive")
FLUSH = Operation(
    "endpoint",
    "UPDATE orders#1 reason=UPDATE (uncommitted)",
    "database",
    f"{API}:81",
    "write",
    "orders#1",
    committed={"reason": "NULL"},
    uncommitted={"reason": "UPDATE"},
)
CANCEL = Operation("endpoint", "cancel_order o-1", "venue", f"{API}:83", "send", "o-1")
VENUE_CANCELS = Operation("venue", "venue cancels o-1; 2 deliveries are pending", "stream", None, "info", "o-1")
REPLY = Operation("venue", "reply: o-1 is cancelled", "endpoint", None, "receive", "o-1")
FRAME = Operation("stream", "user stream: cancelled o-1", "handler", None, "receive", "o-1")
COMMIT = Operation(
    "endpoint", "COMMIT reason=UPDATE", "database", f"{API}:90", "commit", "orders#1", committed={"reason": "UPDATE"}
)
PLACE = Operation("endpoint", "create_order buy 1 @ 99", "venue", f"{API}:97", "send", "o-2")
LOGS = Operation(
    "handler", "COMMIT activity_logs#1 Order cancelled for update operation", "database", f"{EVENTS}:49", "commit",
    "activity_logs#1",
)  # fmt: skip
STOPPED = Operation(
    "handler", "COMMIT bots#1 STOPPED", "database", f"{EVENTS}:57", "commit", "bots#1", committed={"status": "STOPPED"}
)


def select(reason: str) -> Operation:
    return Operation(
        "handler", f"SELECT orders#1 -> reason {reason}", "database", f"{EVENTS}:41", "read", "orders#1",
        observed={"reason": reason},
    )  # fmt: skip


def _prefix() -> list[Step]:
    plumbing = [step(ENDPOINT, 1 + number, "request plumbing", cause=number) for number in range(9)]
    return [
        step(ENDPOINT, 0, "client PUT", PUT, kind=Kind.DELIVER),
        *plumbing,
        step(FIRST_CONNECTION, 0, "UPDATE", FLUSH, footprint=writes(LOCK), cause=9, kind=Kind.EXECUTE),
        step(ENDPOINT, 10, "cancel", CANCEL, cause=10),
        step(VENUE, 0, "cancel o-1", VENUE_CANCELS, footprint=writes(VENUE_ORDER), cause=11, kind=Kind.EXECUTE),
    ]


def failing() -> RecordedExecution:
    """Return the execution in which the handler's SELECT overtakes the endpoint's COMMIT."""
    steps = [
        *_prefix(),
        step(STREAM, 0, "frame", FRAME, footprint=reads(VENUE_ORDER), cause=12, kind=Kind.DELIVER),
        step(HANDLER, 0, "handler starts", cause=13),
        step(SECOND_CONNECTION, 0, "SELECT", select("NULL"), footprint=reads(ORDER), cause=14, kind=Kind.EXECUTE),
        step(HANDLER, 1, "rows arrive", cause=15),
        step(VENUE, 1, "reply", REPLY, cause=12, kind=Kind.DELIVER),
        step(ENDPOINT, 11, "reply wakes endpoint", cause=17),
        step(FIRST_CONNECTION, 1, "COMMIT", COMMIT, footprint=writes(ORDER, LOCK), cause=18, kind=Kind.EXECUTE),
        step(ENDPOINT, 12, "place", PLACE, cause=19),
        step(HANDLER, 2, "stop the bot", cause=16),
        step(SECOND_CONNECTION, 1, "COMMIT", STOPPED, footprint=writes(BOT), cause=21, kind=Kind.EXECUTE),
        step(HANDLER, 3, "handler ends", cause=22),
    ]
    return RecordedExecution(tuple(steps), Schedule((Deviation(13, 1),), len(steps)), (finding(),), "f" * 16)


def passing() -> RecordedExecution:
    """Return the nearest execution in which the COMMIT comes first."""
    steps = [
        *_prefix(),
        step(VENUE, 1, "reply", REPLY, cause=12, kind=Kind.DELIVER),
        step(ENDPOINT, 11, "reply wakes endpoint", cause=13),
        step(FIRST_CONNECTION, 1, "COMMIT", COMMIT, footprint=writes(ORDER, LOCK), cause=14, kind=Kind.EXECUTE),
        step(ENDPOINT, 12, "place", PLACE, cause=15),
        step(STREAM, 0, "frame", FRAME, footprint=reads(VENUE_ORDER), cause=12, kind=Kind.DELIVER),
        step(HANDLER, 0, "handler starts", cause=17),
        step(SECOND_CONNECTION, 0, "SELECT", select("UPDATE"), footprint=reads(ORDER), cause=18, kind=Kind.EXECUTE),
        step(HANDLER, 1, "rows arrive", cause=19),
        step(SECOND_CONNECTION, 1, "COMMIT", LOGS, cause=20, kind=Kind.EXECUTE),
    ]
    return RecordedExecution(tuple(steps), Schedule((), len(steps)), (), "0" * 16)


def finding() -> Finding:
    return Finding("Q5", "the bot was auto-stopped after a cancel that it asked for itself", 22, (15,))


def counterexample(**changes: object) -> Counterexample:
    known = Counterexample(finding(), failing().schedule, "f" * 16, "sh1-7QK2M3XD", True, 1)
    return replace(known, **changes)


def heading() -> Heading:
    case = {"cancel_policy": "flush-then-cancel", "database": "sqlite"}
    return Heading("bot-update", case, 17, 121, all_explored=True)
