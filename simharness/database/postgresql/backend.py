"""One real backend behind a blocking socket, read until it is done or waits for a lock.

Waiting for a lock is not polled for: with ``log_lock_waits`` on, a ``deadlock_timeout`` of a millisecond and
``client_min_messages`` at ``log``, the waiting backend itself says so on its own connection.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import Any

from simharness.database.postgresql import process, wire
from simharness.database.postgresql.wire import Message
from simharness.errors import Nondeterminism, SimharnessError

# Longer than any lock-free statement of a test; a backend that is silent for so long waits for something that
# simharness does not see (pg_sleep, another program's lock).
_SILENCE_S = 30.0
_CHUNK = 1 << 16

READY = b"Z"


class ServerRefused(SimharnessError):
    """The server answered an internal query with an error."""


class Progress(Enum):
    """How far a backend got."""

    DONE = auto()
    BLOCKED = auto()


class Backend:
    """A connection to the real server.

    Args:
        link: the connected socket, before the startup message.
        keep: whatever owns the connection besides and must live as long.
    """

    def __init__(self, link: socket.socket, keep: object = None) -> None:
        self._link = link
        self._keep = keep
        self._link.settimeout(_SILENCE_S)
        self._buffer = bytearray()
        self.pid = 0
        self.status = b"I"
        self.greeting: list[Message] = []
        # What the backend said about its present wait, with process numbers, for timelines.
        self.waiting_for = ""

    def start(self, parameters: Mapping[str, str]) -> None:
        """Open the session.

        Raises:
            ServerRefused: the server does not let us in.
        """
        self._link.sendall(wire.startup(parameters))
        self.greeting = []
        self.read(self.greeting, lambda message: message.kind in b"ZE")
        _raise_error(self.greeting)

    def send(self, data: bytes) -> None:
        """Send bytes of the client."""
        self._link.sendall(data)

    def read(self, into: list[Message], done: Callable[[Message], bool]) -> Progress:
        """Read messages until ``done`` or until the backend says that it waits for a lock.

        Messages of the log level are dropped: the client did not ask for them.
        """
        while True:
            message = self._next()
            if message.kind == b"N":
                notice = wire.fields(message)
                if notice.get("V") == "LOG":
                    if notice.get("R") == "ProcSleep" and "still waiting" in notice.get("M", ""):
                        self.waiting_for = f"{notice['M']} {notice.get('D', '')}"
                        return Progress.BLOCKED
                    continue
            elif message.kind == b"K":
                self.pid = wire.read_key_data(message)
            elif message.kind == READY:
                self.status = message.body
            into.append(message)
            if done(message):
                return Progress.DONE

    def query(self, sql: str) -> list[list[str | None]]:
        """Run SQL of our own and return the rows as text.

        Raises:
            ServerRefused: the statement failed.
        """
        self.send(wire.query(sql).encode())
        return self.rows()

    def rows(self) -> list[list[str | None]]:
        """Read the answer to SQL of our own."""
        return [wire.read_row(message) for message in self._answer() if message.kind == b"D"]

    def records(self, sql: str) -> list[dict[str, Any]]:
        """Run SQL of our own and return the rows by column name, as Python's values (see ``wire.value_of``).

        Raises:
            ServerRefused: the statement failed.
        """
        self.send(wire.query(sql).encode())
        return _records(self._answer())

    def try_records(self, sql: str) -> list[dict[str, Any]] | None:
        """Run SQL of our own like ``records``; None where it fails or would have to wait for a lock."""
        self.send(wire.query(sql).encode())
        answer: list[Message] = []
        if self.read(answer, lambda message: message.kind == READY) is Progress.BLOCKED:
            process.interrupt(self.pid)
            self.read(answer, lambda message: message.kind == READY)
        return None if any(message.kind == b"E" for message in answer) else _records(answer)

    def _answer(self) -> list[Message]:
        answer: list[Message] = []
        if self.read(answer, lambda message: message.kind == READY) is Progress.BLOCKED:
            raise Nondeterminism(f"PostgreSQL: a query of simharness itself waits for a lock: {self.waiting_for}")
        _raise_error(answer)
        return answer

    def last_words(self, into: list[Message]) -> None:
        """Read what a backend that is gone still said, such as why: it stays in the socket."""
        with suppress(OSError):
            self.read(into, lambda message: False)

    def close(self) -> None:
        """End the session and wait for the backend to be gone, so that its locks are."""
        try:
            self._link.sendall(Message(b"X", b"").encode())
            while self._link.recv(_CHUNK):
                pass
        except OSError:
            pass
        self._link.close()

    def _next(self) -> Message:
        while True:
            message = wire.take(self._buffer)
            if message is not None:
                return message
            try:
                chunk = self._link.recv(_CHUNK)
            except TimeoutError:
                raise Nondeterminism(
                    f"PostgreSQL: backend {self.pid} has been silent for {_SILENCE_S:.0f} s of real time; it waits for "
                    "something that is not a lock (pg_sleep, a network call of an extension)"
                ) from None
            if not chunk:
                raise ConnectionResetError(f"PostgreSQL: backend {self.pid} closed its connection")
            self._buffer += chunk


def _records(answer: list[Message]) -> list[dict[str, Any]]:
    columns: list[tuple[str, int]] = []
    found = []
    for message in answer:
        if message.kind == b"T":
            columns = wire.read_columns(message)
        elif message.kind == b"D":
            pairs = zip(columns, wire.read_row(message), strict=True)
            found.append({name: wire.value_of(text, oid) for (name, oid), text in pairs})
    return found


def _raise_error(answer: list[Message]) -> None:
    for message in answer:
        if message.kind == b"E":
            by_letter = wire.fields(message)
            raise ServerRefused(f"PostgreSQL {by_letter.get('C')}: {by_letter.get('M')}")
