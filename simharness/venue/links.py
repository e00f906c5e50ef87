"""Links between one client and the venue: REST requests, and user streams.

Each request is a process of its own (it executes, then its answer is delivered), so requests overtake one another
freely. Each connection of a user stream is a process: its frames keep their order, and topics have no mutual order.
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


class Connection:
    """One live connection of a user stream; made by :meth:`Streams.connect`."""

    __slots__ = (
        *("alive", "alive_key", "on_closed", "on_frame", "process", "sent", "session", "tail_key", "topic"),
        "wanted",
    )

    def __init__(
        self,
        process: int,
        session: str,
        topic: Topic,
        on_frame: Callable[[VenueEvent], None],
        on_closed: Callable[[], None],
        wanted: Callable[[], bool] | None,
    ) -> None:
        self.process = process
        self.session = session
        self.topic = topic
        self.on_frame = on_frame
        self.on_closed = on_closed
        self.wanted = wanted
        self.alive = True
        self.sent = 0
        # Deliveries read it and a disconnect writes it: what is in flight when the line breaks is lost.
        self.alive_key = name.member(process, "alive")
        # The order of frames on the line: whoever sends writes it.
        self.tail_key = name.member(process, "tail")


class Streams:
    """The user streams of the account, to every client that is connected."""

    def __init__(self, agenda: Agenda, monitor: LegalityMonitor, faults: FaultPlan) -> None:
        self._agenda = agenda
        self._monitor = monitor
        self._faults = faults
        # How many more connections are open for just this moment, besides each that a client knows of.
        self.overlapping = 0
        self._connections: dict[Topic, list[Connection]] = {topic: [] for topic in Topic}
        self._opened: dict[tuple[str, Topic], int] = {}
        # Client and topic of the connections that broke and were not opened again.
        self._broken: set[tuple[str, Topic]] = set()
        self.breaks = 0
        self._topic_keys = {topic: name.static(f"venue stream {topic}") for topic in Topic}

    def listened(self, topic: Topic) -> bool:
        """Return whether anyone is connected to ``topic``."""
        recorder.read(self._topic_keys[topic])
        return bool(self._connections[topic])

    def listeners_changed(self) -> None:
        """Record that the connections of every topic have changed."""
        for key in self._topic_keys.values():
            recorder.write(key)

    def connections(self, topic: Topic) -> tuple[Connection, ...]:
        """Return the live connections of ``topic``, oldest first."""
        recorder.read(self._topic_keys[topic])
        return tuple(self._connections[topic])

    def broken(self) -> list[tuple[str, Topic]]:
        """Return client and topic of the streams that broke and are not back, sorted."""
        for key in self._topic_keys.values():
            recorder.read(key)
        return sorted(self._broken)

    def forget(self, session: str) -> None:
        """Take note that a client is gone: it needs no streams any more."""
        for gone in [each for each in self._broken if each[0] == session]:
            recorder.write(self._topic_keys[gone[1]])
            self._broken.remove(gone)

    def expire_listen_key(self, session: str) -> None:
        """Break every user stream of a client, as the venue does when its listen key has run out."""
        recorder.note(lambda: Operation("stream", f"the listen key of {session} has expired", effect="fault"))
        for topic in Topic:
            for connection in self.connections(topic):
                if connection.session == session:
                    self.cut(connection)

    def connect(
        self,
        session: str,
        topic: Topic,
        on_frame: Callable[[VenueEvent], None],
        on_closed: Callable[[], None],
        wanted: Callable[[], bool] | None = None,
    ) -> Connection:
        """Open a connection: what the venue says from now on reaches ``on_frame``. Nothing earlier is replayed.

        Args:
            session: name of the client.
            topic: what to listen to.
            on_frame: called in the step that delivers a frame.
            on_closed: called in the step that delivers the news that the connection broke.
            wanted: whether the client takes a frame now; None if it always does.
        """
        recorder.write(self._topic_keys[topic])
        count = self._opened[session, topic] = self._opened.get((session, topic), 0) + 1
        number = "" if count == 1 else f" #{count}"
        process = name.static(f"stream {session} {topic}{number}")
        connection = Connection(process, session, topic, on_frame, on_closed, wanted)
        self._connections[topic].append(connection)
        self._broken.discard((session, topic))
        self._monitor.stream_opened(process)
        return connection

    def close(self, connection: Connection) -> None:
        """Close a connection from the client's side: nothing more is delivered."""
        if connection.alive:
            self._drop(connection)

    def cut(self, connection: Connection) -> None:
        """Break a connection: what is in flight is lost, and the client learns of it at some later moment."""
        if not connection.alive:
            return
        self._drop(connection)
        self.breaks += 1
        if all(other.session != connection.session for other in self._connections[connection.topic]):
            self._broken.add((connection.session, connection.topic))
        text = f"user stream {connection.topic} breaks"
        recorder.note(lambda: Operation("stream", text, effect="fault"))
        self._agenda.offer(
            WorldEvent(
                process=connection.process,
                kind=Kind.DELIVER,
                label=f"stream {connection.topic}: connection lost",
                action=partial(_tell_closed, connection),
                own_cascade=True,
            )
        )

    def _drop(self, connection: Connection) -> None:
        connection.alive = False
        recorder.write(self._topic_keys[connection.topic])
        recorder.write(connection.alive_key)
        recorder.write(connection.tail_key)
        self._connections[connection.topic].remove(connection)
        self._monitor.stream_closed(connection.process)

    def emit(self, topic: Topic, event: VenueEvent) -> None:
        """Send an event to every connection of its topic."""
        for connection in self.connections(topic):
            fault = self._faults.ask(self._agenda.chooser, Place.FRAME, topic, lane="stream")
            if fault is not None and fault.effect is Effect.DISCONNECT:
                self.cut(connection)
                continue
            if fault is not None and fault.effect is Effect.EXPIRE_LISTEN_KEY:
                self.expire_listen_key(connection.session)
            if not connection.alive:
                continue
            self._send(connection, event)
            repeats = self.overlapping + (fault is not None and fault.effect is Effect.DUPLICATE_FRAME)
            for _ in range(repeats):
                self._send_overlapping(connection, event)

    def _send(self, connection: Connection, event: VenueEvent) -> None:
        recorder.write(connection.tail_key)
        connection.sent += 1
        self._monitor.frame_sent(connection.process, connection.sent, event, self._agenda.clock.now_ns)
        self._agenda.offer(
            WorldEvent(
                process=connection.process,
                kind=Kind.DELIVER,
                label=f"stream {connection.topic}: {event.text}",
                action=partial(self._deliver, connection, connection.sent, event),
                # What was in flight when the line broke waits for nobody.
                ready=None if connection.wanted is None else partial(_fits, connection, connection.wanted),
                own_cascade=True,
                travels=True,
            )
        )

    def _send_overlapping(self, connection: Connection, event: VenueEvent) -> None:
        """Deliver a frame once more, as an older connection does that is open for just another moment."""
        process = recorder.fresh(f"stream {connection.topic} overlap")
        overlap = Connection(
            process,
            connection.session,
            connection.topic,
            connection.on_frame,
            connection.on_closed,
            connection.wanted,
        )
        self._monitor.stream_opened(process)
        self._send(overlap, event)
        self._monitor.stream_drains(process)

    def _deliver(self, connection: Connection, number: int, event: VenueEvent) -> None:
        # What was in flight when the line broke keeps its place in the queue and does nothing there: a frame that
        # vanished would hide that it might have arrived before.
        recorder.read(connection.alive_key)
        if not connection.alive:
            return
        self._monitor.frame_delivered(connection.process, number, self._agenda.clock.now_ns)
        recorder.note(lambda: _received(event))
        connection.on_frame(event)


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


def _fits(connection: Connection, wanted: Callable[[], bool]) -> bool:
    return not connection.alive or wanted()


def _tell_closed(connection: Connection) -> None:
    recorder.note(lambda: Operation("stream", f"user stream {connection.topic}: connection lost", effect="receive"))
    connection.on_closed()


def _sent(request: Request) -> Operation:
    return Operation(request.lane, request.text, target="venue", source=request.source, effect="send")


def _answered(request: Request, answer: Answer) -> Operation:
    outcome = "ok" if answer.refusal is None else answer.message
    text = f"answer to {request.text}: {outcome}"
    return Operation("venue", text, target=request.lane, source=request.source, effect="receive")


def _received(event: VenueEvent) -> Operation:
    return Operation("stream", f"user stream: {event.text}", target="handler", effect="receive")
