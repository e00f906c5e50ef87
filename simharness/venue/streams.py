"""User streams: what the venue tells every client that is connected.

Each connection is a process: its frames keep their order, and topics have no mutual order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from simharness.core import name
from simharness.core.agenda import Agenda, WorldEvent
from simharness.core.footprint import recorder
from simharness.core.step import Kind, Operation
from simharness.faults.fault import Effect, Place
from simharness.faults.plan import FaultPlan
from simharness.venue.event import Topic, VenueEvent
from simharness.venue.monitor import LegalityMonitor


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


def _fits(connection: Connection, wanted: Callable[[], bool]) -> bool:
    return not connection.alive or wanted()


def _tell_closed(connection: Connection) -> None:
    recorder.note(lambda: Operation("stream", f"user stream {connection.topic}: connection lost", effect="receive"))
    connection.on_closed()


def _received(event: VenueEvent) -> Operation:
    return Operation("stream", f"user stream: {event.text}", target="handler", effect="receive")
