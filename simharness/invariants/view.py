"""What an invariant sees of one execution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simharness.invariants.snapshot import LocalOrder, LocalPosition, Memory, Owner, Snapshot

if TYPE_CHECKING:
    from simharness.invariants.serial import SerialOutcomes
    from simharness.venue.event import PositionUpdate
    from simharness.venue.venue import Venue


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client was told.

    Args:
        command: the command in the words of the scenario: ``PUT /api/v1/bots/1``.
        subject: key of the row that it is about, if there is one.
        ok: whether the command succeeded.
        says: field → value, as text, for the fields that the answer carries.
        step: position of the step in which the answer arrived.
        failure: why it failed, for commands that did not succeed.
        unexpected: whether the failure is an error of the program, not an answer that its users can expect.
    """

    command: str
    subject: str | None
    ok: bool
    says: Mapping[str, str] = field(default_factory=dict)
    step: int = 0
    failure: str | None = None
    unexpected: bool = False


@dataclass(frozen=True, slots=True)
class Complaint:
    """An exception that the program logged or dropped.

    Args:
        message: the exception, with its type.
        where: logger or task.
        step: position of the step.
    """

    message: str
    where: str
    step: int


@dataclass(slots=True)
class View:
    """The execution as far as it has come.

    Args:
        venue: the simulated venue, or None.
        observe: returns the committed row of a key *and tells the recorder that it was read*: whoever looks between
            two steps is part of the order.
        snapshot: everything committed now.
        memory: what the program holds in memory now.
        step: position of the step that is running; after the end, of the last one.
        commands: what clients asked for, in the scenario's words.
        answers: what clients were told, in order.
        complaints: exceptions nobody handled.
        commits: row key → position of the step that committed it last.
        faults: names of the faults that struck.
        crashed: whether the program was restarted.
        stuck: who waits for whom when nothing can go on, one sentence each.
        under_lock: requests that were sent to the venue under a lock, one sentence each → the step.
        updates: what the venue said about positions, in its order; for ``at_rest``.
        bounds_ns: invariant → how long it may be broken, in virtual time, where a scenario says so.
        serial: what serial executions of the case come to; None where nobody asks.
        exposure_limits: symbol → largest size of a position, in flight orders counted, in base units.
    """

    venue: Venue | None
    observe: Callable[[str], LocalOrder | Owner | LocalPosition | None]
    snapshot: Snapshot = field(default_factory=Snapshot)
    memory: Memory = field(default_factory=Memory)
    step: int = 0
    commands: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)
    commits: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    crashed: bool = False
    stuck: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    under_lock: dict[str, int] = field(default_factory=dict)
    updates: list[PositionUpdate] = field(default_factory=list)
    exposure_limits: dict[str, Decimal] = field(default_factory=dict)
    bounds_ns: Mapping[str, int] = field(default_factory=dict)
    serial: SerialOutcomes | None = None

    def order_at(self, exchange_id: str, client_id: str | None) -> LocalOrder | None:
        """Return the local order for an order of the venue, by either id."""
        for order in self.snapshot.orders.values():
            if order.exchange_id == exchange_id or (client_id is not None and order.client_id == client_id):
                return order
        return None
