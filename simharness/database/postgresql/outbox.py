"""The way back of one session: replies in the order of their batches, each delivered by an event of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from simharness.core import name
from simharness.core.agenda import Agenda, WorldEvent
from simharness.core.footprint import recorder
from simharness.core.step import Kind
from simharness.database.postgresql import wire
from simharness.database.postgresql.batch import Batch
from simharness.database.postgresql.masking import masked
from simharness.database.postgresql.wire import Message


class Client(Protocol):
    """The program's end of a connection."""

    def receive(self, data: bytes) -> None:
        """Bytes of the server arrive."""

    def lost(self) -> None:
        """The server's end is closed."""

    def soon(self, action: Callable[[], None]) -> None:
        """Run ``action`` in the same cascade, after what is ready now (``loop.call_soon``)."""


class Outbox:
    """What the server's end of a session sends.

    Args:
        agenda: the loop's side.
        client: the program's end.
        identity: the key of the connection.
        number_of: from the operating system's process numbers to this execution's.
    """

    def __init__(self, agenda: Agenda, client: Client, identity: int, number_of: Callable[[int], int]) -> None:
        self._agenda = agenda
        self._client = client
        self.identity = identity
        self._number_of = number_of
        self._undelivered: deque[Batch] = deque()
        self.closed = False

    def answer(self, batch: Batch) -> None:
        """Send a batch's reply: by an event if the batch is one, else at once."""
        if self.closed:
            return
        if batch.process:
            self._undelivered.append(batch)
            event = WorldEvent(
                batch.process,
                Kind.DELIVER,
                f"reply to {batch.label}",
                partial(self._deliver, batch),
                ready=lambda: bool(self._undelivered) and self._undelivered[0] is batch,
            )
            self._agenda.offer(event)
        elif self._undelivered:
            # What happened at once still arrives after what was sent before it.
            self._undelivered[-1].reply += batch.reply
        else:
            self.send_at_once(batch.reply)

    def send_at_once(self, messages: list[Message]) -> None:
        """Send messages in the same cascade."""
        self._client.soon(partial(self._receive, self._encoded(messages)))

    def notify(self, messages: list[Message]) -> None:
        """Send notifications, as a frame of a stream of their own."""
        stream = name.member(self.identity, "notifications")
        action = partial(self._receive, self._encoded(messages))
        self._agenda.offer(WorldEvent(stream, Kind.DELIVER, "notification", action, own_cascade=True))

    def last_words(self, messages: list[Message], label: str) -> None:
        """Send messages, then close: the server ends the connection."""
        for batch in self._undelivered:
            messages = [*batch.reply, *messages]
            self._agenda.withdraw(batch.process)
        self._undelivered.clear()
        data = self._encoded(messages)

        def deliver() -> None:
            recorder.write(self.identity)
            self._receive(data)
            self.close()

        self._agenda.offer(WorldEvent(recorder.fresh("pg-end"), Kind.DELIVER, label, deliver))

    def close(self) -> None:
        """Tell the client that the server's end is closed."""
        if not self.closed:
            self.closed = True
            self._client.lost()

    def abandon(self) -> None:
        """The client closed its end: nothing arrives any more."""
        self.closed = True
        self._client.soon(self._client.lost)
        for batch in self._undelivered:
            self._agenda.withdraw(batch.process)
        self._undelivered.clear()

    def _deliver(self, batch: Batch) -> None:
        recorder.write(self.identity)
        self._undelivered.popleft()
        self._receive(self._encoded(batch.reply))

    def _receive(self, data: bytes) -> None:
        if not self.closed:
            self._client.receive(data)

    def _encoded(self, messages: list[Message]) -> bytes:
        return wire.encode(masked(message, self._number_of) for message in messages)
