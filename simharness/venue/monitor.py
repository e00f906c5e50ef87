"""Watches the venue's own output, so that no scenario can raise a false alarm.

The rules are those of VENUE.md, I1 to I11. The monitor keeps its own account from what leaves the venue and never
asks the engine; it influences nothing, so it records no accesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from simharness.core import name
from simharness.errors import IllegalVenue
from simharness.venue.book_rules import BookRules
from simharness.venue.event import ExecutionReport, PositionUpdate, VenueEvent
from simharness.venue.market import Market
from simharness.venue.order_rules import OrderRules


class _RequestState(StrEnum):
    ISSUED = "issued"
    EXECUTED = "executed"
    ANSWERED = "answered"
    DELIVERED = "delivered"


class _StreamState(StrEnum):
    UP = "up"
    DRAINING = "draining"  # sends nothing more; what is in flight still arrives
    DOWN = "down"


@dataclass(slots=True)
class _Stream:
    state: _StreamState = _StreamState.UP
    sent: int = 0
    delivered: int = 0
    sent_ns: dict[int, int] = field(default_factory=dict)
    # Versions already sent, per order or position: they never fall on one connection.
    versions: dict[str, int] = field(default_factory=dict)
    seen_new: set[str] = field(default_factory=set)
    up_before: set[str] = field(default_factory=set)


def illegal(rule: str, what: str) -> IllegalVenue:
    """Return the error for a broken rule."""
    return IllegalVenue(f"{rule}: {what}")


class LegalityMonitor:
    """Raises ``IllegalVenue`` with the rule's id as soon as the venue breaks it.

    Args:
        markets: what is traded, by symbol.
        latency_ns_min: no answer and no frame arrives earlier than this after its cause.
    """

    def __init__(self, markets: Mapping[str, Market], latency_ns_min: int = 0) -> None:
        self.orders = OrderRules(markets)
        self.books = BookRules(markets)
        self._latency_ns_min = latency_ns_min
        self._requests: dict[int, _RequestState] = {}
        self._answered_ns: dict[int, int] = {}
        self._streams: dict[int, _Stream] = {}

    def observe(self, report: ExecutionReport) -> None:
        """Check what happened to an order, as the engine emits it, whether or not anybody listens.

        Raises:
            IllegalVenue: see ``OrderRules.observe`` and ``BookRules.traded``.
        """
        self.orders.observe(report)
        if report.trade is not None:
            self.books.traded(report.order, report.trade)

    # Requests: rules I6 and I10

    def request_issued(self, process: int) -> None:
        """A client sends a request."""
        self._move(process, None, _RequestState.ISSUED)

    def request_executed(self, process: int) -> None:
        """The venue (or a fault in its place) acts on it."""
        self._move(process, _RequestState.ISSUED, _RequestState.EXECUTED)

    def request_answered(self, process: int, now_ns: int) -> None:
        """The answer leaves."""
        self._move(process, _RequestState.EXECUTED, _RequestState.ANSWERED)
        self._answered_ns[process] = now_ns

    def answer_delivered(self, process: int, now_ns: int) -> None:
        """The answer arrives.

        Raises:
            IllegalVenue: I6 it answers nothing, or a second time; I10 it comes too early.
        """
        self._move(process, _RequestState.ANSWERED, _RequestState.DELIVERED)
        self._check_latency(self._answered_ns.pop(process), now_ns, f"the answer to {name.text(process)}")

    def _move(self, process: int, expected: _RequestState | None, state: _RequestState) -> None:
        actual = self._requests.get(process)
        if actual is not expected:
            was = "was never issued" if actual is None else f"is {actual}"
            raise illegal("I6", f"request {name.text(process)} {was} and cannot be {state}")
        self._requests[process] = state

    # Streams: rules I1, I2, I8 and I10

    def stream_opened(self, process: int) -> None:
        """A connection is up."""
        if process in self._streams:
            raise illegal("I8", f"connection {name.text(process)} opens twice")
        self._streams[process] = _Stream(up_before=set(self.orders.announced))

    def stream_drains(self, process: int) -> None:
        """A connection sends nothing more; what is in flight still arrives."""
        self._streams[process].state = _StreamState.DRAINING

    def stream_closed(self, process: int) -> None:
        """A connection is gone, with everything in flight."""
        self._streams[process].state = _StreamState.DOWN

    def frame_sent(self, process: int, number: int, event: VenueEvent, now_ns: int) -> None:
        """A frame leaves the venue.

        Raises:
            IllegalVenue: I8 there is no such connection; I1 it repeats, skips or goes backwards; I2 a trade comes
                before its order's NEW.
        """
        stream = self._streams.get(process)
        if stream is None or stream.state is not _StreamState.UP:
            raise illegal("I8", f"a frame is sent on {name.text(process)}, which is not up: {event.text}")
        if number != stream.sent + 1:
            raise illegal("I1", f"frame {number} follows frame {stream.sent} on {name.text(process)}")
        stream.sent = number
        stream.sent_ns[number] = now_ns
        self._check_order_on_stream(process, stream, event)

    def _check_order_on_stream(self, process: int, stream: _Stream, event: VenueEvent) -> None:
        if isinstance(event, ExecutionReport):
            order = event.order.id
            key = f"order {order}"
            if event.exec_type == "NEW":
                stream.seen_new.add(order)
            elif event.trade is not None and order not in stream.seen_new | stream.up_before:
                raise illegal("I2", f"a trade of {order} is sent before its NEW on {name.text(process)}")
        elif isinstance(event, PositionUpdate):
            key = f"position {event.symbol} {event.side}"
        else:
            return
        if event.sequence <= stream.versions.get(key, -1):
            raise illegal("I1", f"{key} goes back to {event.sequence} on {name.text(process)}")
        stream.versions[key] = event.sequence

    def frame_delivered(self, process: int, number: int, now_ns: int) -> None:
        """A frame reaches the client.

        Raises:
            IllegalVenue: I8 the connection is not up; I1 it is out of order, repeated, or another was lost; I10 it
                comes too early.
        """
        stream = self._streams.get(process)
        if stream is None or stream.state is _StreamState.DOWN:
            raise illegal("I8", f"frame {number} is delivered on {name.text(process)}, which is not up")
        if number != stream.delivered + 1:
            raise illegal("I1", f"frame {number} is delivered after frame {stream.delivered} on {name.text(process)}")
        if number > stream.sent:
            raise illegal("I10", f"frame {number} on {name.text(process)} is delivered before it was sent")
        stream.delivered = number
        self._check_latency(stream.sent_ns.pop(number), now_ns, f"frame {number} on {name.text(process)}")

    def _check_latency(self, sent_ns: int, now_ns: int, what: str) -> None:
        if now_ns < sent_ns + self._latency_ns_min:
            raise illegal("I10", f"{what} left at {sent_ns} ns and arrives at {now_ns} ns")

    def quiet(self, *, every_answer: bool = True) -> None:
        """Check what must hold when nothing is under way any more.

        Args:
            every_answer: whether every request must have got its answer; a client that crashed gets none.

        Raises:
            IllegalVenue: I1 a live connection lost a frame; I6 a request got no answer.
        """
        for process, stream in self._streams.items():
            if stream.state is not _StreamState.DOWN and stream.delivered != stream.sent:
                raise illegal("I1", f"{stream.sent - stream.delivered} frames are lost on {name.text(process)}")
        for process, state in self._requests.items() if every_answer else ():
            if state is not _RequestState.DELIVERED:
                raise illegal("I6", f"request {name.text(process)} is {state} at the end")
