"""Links between one client and the venue: REST requests, and its end of the user streams.

Each request is a process of its own (it executes, then its answer is delivered), so requests overtake one another
freely.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from simharness.core import name
from simharness.core.agenda import Agenda, WorldEvent
from simharness.core.footprint import recorder
from simharness.core.step import Kind, Operation
from simharness.faults.fault import Effect, Fault, Place
from simharness.faults.plan import FaultPlan
from simharness.venue.event import Topic, VenueEvent
from simharness.venue.monitor import LegalityMonitor
from simharness.venue.refusal import Refusal, Rejected
from simharness.venue.streams import Connection, Streams


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request got.

    Args:
        payload: the result; None if it was refused or lost.
        refusal: why there is none.
        message: the sentence that goes with the refusal.
    """

    payload: object = None
    refusal: Refusal | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One REST request.

    Args:
        method: its unified name, such as ``create_order``; faults are allowed by it.
        text: the request in the words of a timeline: ``cancel_order o-1``.
        call: what the venue does; it raises ``Rejected`` to refuse.
        stale: the same read on a replica that lags by one change; None for commands.
        traits: properties that a fault may ask for, such as ``stop``.
        lane: the timeline's lane of the caller.
        source: ``path:line`` of the caller in the program under test.
    """

    method: str
    text: str
    call: Callable[[], object]
    stale: Callable[[], object] | None = None
    traits: frozenset[str] = frozenset()
    lane: str = "client"
    source: str | None = None


class Session:
    """One client's side of the links. A program that is restarted opens a new one.

    Args:
        session: name of the client, unique within the execution.
        asked: is told of every request in the step that sends it.
    """

    def __init__(
        self,
        session: str,
        agenda: Agenda,
        streams: Streams,
        monitor: LegalityMonitor,
        faults: FaultPlan,
        *,
        asked: Callable[[Request], None] = lambda _request: None,
    ) -> None:
        self.name = session
        self._asked = asked
        self.alive = True
        self._agenda = agenda
        self._streams = streams
        self._monitor = monitor
        self._faults = faults
        self._connections: list[Connection] = []
        self._alive_key = name.static(f"session {session} alive")

    def send(self, request: Request, on_answer: Callable[[Answer], None]) -> int:
        """Send a request; the venue executes it at some later moment, and the answer arrives later still.

        Args:
            request: what to do.
            on_answer: called in the step that delivers the answer.

        Returns:
            The name of the request's process.
        """
        process = recorder.fresh("rest")
        self._asked(request)
        self._monitor.request_issued(process)
        recorder.note(
            lambda: Operation(request.lane, request.text, target="venue", source=request.source, effect="send")
        )
        self._agenda.offer(
            WorldEvent(
                process, Kind.EXECUTE, request.text, partial(self._execute, process, request, on_answer), travels=True
            )
        )
        return process

    def connect(
        self,
        topic: Topic,
        on_frame: Callable[[VenueEvent], None],
        on_closed: Callable[[], None],
        wanted: Callable[[], bool] | None = None,
    ) -> Connection:
        """Open a user stream at once; see :meth:`Streams.connect`."""
        connection = self._streams.connect(self.name, topic, on_frame, on_closed, wanted)
        self._connections.append(connection)
        return connection

    def end(self) -> None:
        """Drop the client's side: its streams close, and answers that are under way reach nobody."""
        recorder.write(self._alive_key)
        self.alive = False
        for connection in self._connections:
            self._streams.close(connection)
        self._streams.forget(self.name)
        self._connections.clear()

    def _execute(self, process: int, request: Request, on_answer: Callable[[Answer], None]) -> None:
        fault = self._faults.ask(
            self._agenda.chooser, Place.REQUEST, request.method, lane="venue", traits=request.traits
        )
        self._monitor.request_executed(process)
        answer = _perform(request, fault)
        if answer.refusal is not None:
            recorder.note(lambda: Operation("venue", f"refuses {request.text}: {answer.message}"))
        self._monitor.request_answered(process, self._agenda.clock.now_ns)
        outcome = "ok" if answer.refusal is None else answer.refusal.value
        self._agenda.offer(
            WorldEvent(
                process,
                Kind.DELIVER,
                f"answer to {request.text}: {outcome}",
                partial(self._deliver, process, request, answer, on_answer),
                # Nothing came: that the client gives up is no message.
                travels=answer.refusal is not Refusal.TIMEOUT,
            )
        )

    def _deliver(self, process: int, request: Request, answer: Answer, on_answer: Callable[[Answer], None]) -> None:
        self._monitor.answer_delivered(process, self._agenda.clock.now_ns)
        recorder.read(self._alive_key)
        if not self.alive:
            return
        recorder.note(lambda: _answered(request, answer))
        on_answer(answer)


def _perform(request: Request, fault: Fault | None) -> Answer:
    """Do what a request asks for, unless a fault is in the way."""
    effect = None if fault is None else fault.effect
    if fault is not None and effect in (Effect.LOSE_REQUEST, Effect.REFUSE):
        return _failure(fault)
    call = request.call
    if effect is Effect.STALE_READ and request.stale is not None:
        call = request.stale
    try:
        payload = call()
    except Rejected as rejected:
        answer = Answer(refusal=rejected.refusal, message=rejected.message)
    else:
        answer = Answer(payload)
    return _failure(fault) if fault is not None and effect is Effect.LOSE_REPLY else answer


def _failure(fault: Fault) -> Answer:
    return Answer(refusal=Refusal(fault.refusal), message=fault.about)


def _answered(request: Request, answer: Answer) -> Operation:
    outcome = "ok" if answer.refusal is None else answer.message
    text = f"answer to {request.text}: {outcome}"
    return Operation("venue", text, target=request.lane, source=request.source, effect="receive")
