"""One atomic block of an execution, and what it did in the words of the domain."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from simharness.core import name
from simharness.core.footprint import Footprint

Window = tuple[int, int | None]
"""The least and the most nanoseconds that something takes; None: there is no most."""


class Kind(StrEnum):
    """What sort of block a step is."""

    HANDLE = "handle"  # one callback of the asyncio ready queue
    TIMER = "timer"  # a timer fires
    EXECUTE = "execute"  # something happens at an outside actor: database, venue, market
    DELIVER = "deliver"  # something reaches the program: a reply, a frame, a client command


class Arrival(StrEnum):
    """How a delivery reaches a stock asyncio loop; decides when it may land."""

    SELECT = "select"  # through the selector: only between two loop iterations
    THREAD = "thread"  # through call_soon_threadsafe: between any two handles


@dataclass(frozen=True, slots=True)
class Operation:
    """One domain operation of a step, for the timeline.

    Args:
        lane: who acted: ``client``, ``endpoint``, ``handler``, ``database``, ``venue``, ``stream`` or another lane
            that a system names.
        text: the operation in the words of the domain: ``COMMIT orders#1 reason=UPDATE``.
        target: the lane that it reaches, if it is a message.
        source: ``path:line`` of the caller in the program under test.
        effect: ``read``, ``write`` (uncommitted), ``commit``, ``rollback``, ``begin``,
            ``lock`` (of a row), ``wait`` (for one), ``send``, ``receive``, ``fault``,
            ``log`` (a line that the program logs), ``info``.
        subject: the thing it is about (``orders#1``, ``o-1``), so that a reader and a writer of it can be matched.
        committed: values that the database holds for ``subject`` after this operation.
        uncommitted: values written for ``subject`` and not yet visible to others.
        observed: values that a read returned.
        session: the database session, where one lane may have several.
    """

    lane: str
    text: str
    target: str | None = None
    source: str | None = None
    effect: str = "info"
    subject: str | None = None
    committed: dict[str, str] = field(default_factory=dict)
    uncommitted: dict[str, str] = field(default_factory=dict)
    observed: dict[str, str] = field(default_factory=dict)
    session: str | None = None


@dataclass(slots=True)
class Step:
    """One executed step.

    Args:
        process: the interned name of the process.
        index: how-manyeth step of that process, from 0.
        kind: see :class:`Kind`.
        arrival: for deliveries, see :class:`Arrival`.
        label: short readable text.
        footprint: what it touched.
        cause: position of the step that put this one on the agenda; None for the start of the program.
        values: the data choices taken inside the step.
        options: how many options each of those choices had.
        children: what the step put on the agenda, in order: ``(process, kind)``.
        time_ns: virtual time after the step.
        operations: domain operations, only filled while narrating.
        waited: whether something held it back after its turn had come, such as a lock.
        mortal: whether it leaves nothing behind if the program's process ends after it, and cannot happen then.
        ends: whether the program's process ended in it.
        window: how many nanoseconds after its cause it happens, at least and at most; None where nobody knows.
    """

    process: int
    index: int
    kind: Kind
    arrival: Arrival | None
    label: str
    footprint: Footprint
    cause: int | None
    values: tuple[int, ...] = ()
    options: tuple[int, ...] = ()
    children: tuple[tuple[int, Kind], ...] = ()
    time_ns: int = 0
    operations: tuple[Operation, ...] = ()
    waited: bool = False
    window: Window | None = None
    mortal: bool = False
    ends: bool = False

    def __str__(self) -> str:
        return f"{self.label or self.kind} [{name.text(self.process)} step {self.index}]"
