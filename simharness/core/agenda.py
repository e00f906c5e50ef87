"""How the seams (database, venue, clients) put world events in front of the explorer.

A *process* is a queue: its events happen in the order in which they were offered. Events of different processes
happen in any order. So a link is one process (its frames keep their order), a REST request is one process (it
executes, then its reply is delivered), a database connection is one process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from simharness.core.choice import Chooser
from simharness.core.step import Arrival, Kind
from simharness.core.time import Clock


@dataclass(slots=True)
class WorldEvent:
    """Something that may happen next.

    Args:
        process: interned name of the queue it belongs to (``recorder.fresh("rest")``, ``static("stream user")``).
        kind: ``EXECUTE`` happens at the outside actor and must not touch the program (no futures, no callbacks);
            ``DELIVER`` reaches the program: it may set futures, call ``call_soon``, create tasks.
        label: short readable text, the same in every execution.
        action: what happens. Runs inside a step: the recorder is active and the chooser answers. It may offer
            further events.
        ready: whether it can happen now; None means always. Must depend only on state that the recorder sees
            written by others (a lock that is held: whoever releases it writes the same key that the action writes).
        own_cascade: True for frames of a stream: what the delivery sets off is a process of its own, so that the
            next frame need not wait for it. False for replies: the cascade continues the request's process.
        arrival: how a delivery reaches a stock loop.
        travels: whether it is a message between the program and the outside, which takes the latency of the network.
    """

    process: int
    kind: Kind
    label: str
    action: Callable[[], None]
    ready: Callable[[], bool] | None = None
    own_cascade: bool = False
    arrival: Arrival = Arrival.SELECT
    travels: bool = False


class Agenda(Protocol):
    """What the seams see of the loop."""

    @property
    def clock(self) -> Clock:
        """The one clock."""

    @property
    def chooser(self) -> Chooser:
        """The one door for data choices."""

    def offer(self, event: WorldEvent) -> None:
        """Put an event at the end of its process's queue."""

    def withdraw(self, process: int) -> None:
        """Drop everything still pending in a process (its connection is gone). The caller writes a key for it."""

    def after(self, delay_ns: int, label: str, action: Callable[[], None], *, kind: Kind = Kind.EXECUTE) -> int:
        """Start a timer outside the program (a simpy process, a server-side timeout); return its name."""

    def cancel_timer(self, timer: int) -> None:
        """Stop a timer that ``after`` started."""
