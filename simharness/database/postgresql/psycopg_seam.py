"""psycopg's end of a session: libpq talks to a socket that this thread listens on.

libpq wants a file descriptor, so it gets a real Unix socket whose other end is ours. psycopg waits for descriptors in
two functions only; they are replaced while an execution runs, because the originals wake up by a timer in real time.
"""

from __future__ import annotations

import asyncio
import select
import shutil
import socket
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from simharness.database.postgresql.bridge import Bridge
from simharness.database.postgresql.session import Session
from simharness.errors import Nondeterminism

_READ, _WRITE = 1, 2
_CHUNK = 1 << 16
_PORT = 5432
# What would lead libpq to another place, or to encryption that a Unix socket does not have.
_PLACES = ("host", "hostaddr", "port", "service", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation")
_OPTIONS = ("autocommit", "prepare_threshold", "context", "row_factory", "cursor_factory")


class Link:
    """Our end of one of libpq's sockets.

    Args:
        loop: the program's loop.
        bridge: the bridge of the execution.
        end: our end, connected.
    """

    accepts_tls = False

    def __init__(self, loop: asyncio.AbstractEventLoop, bridge: Bridge, end: socket.socket) -> None:
        self._loop = loop
        self._end = end
        self._end.setblocking(False)
        self._outgoing = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._session = Session(bridge, self)

    @property
    def session(self) -> Session:
        """The server's end."""
        return self._session

    @property
    def closed(self) -> bool:
        """Whether either end is closed."""
        return self._session.closed

    def pull(self) -> None:
        """Hand what libpq wrote to the session, and what the session has left over to libpq."""
        while True:
            try:
                data = self._end.recv(_CHUNK)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._session.hang_up()
                return
            self._session.feed(data)
        self._push()

    async def moved(self) -> None:
        """Wait until the session says something."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def close(self) -> None:
        """Let go of our end."""
        self._end.close()

    # -- what the session calls

    def receive(self, data: bytes) -> None:
        """Put bytes of the server into libpq's socket."""
        self._outgoing += data
        self._push()
        self._wake()

    def lost(self) -> None:
        """Close libpq's socket from the server's side."""
        self._push()
        self._end.close()
        self._wake()

    def soon(self, action: Callable[[], None]) -> None:
        """Run ``action`` in the same cascade."""
        self._loop.call_soon(action)

    def _push(self) -> None:
        # A reply may be larger than the socket's buffer: the rest follows when libpq has read.
        while self._outgoing:
            try:
                sent = self._end.send(self._outgoing)
            except OSError:
                return
            del self._outgoing[:sent]

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _ready(descriptor: int, wanted: int) -> int:
    poll = select.poll()
    poll.register(descriptor, (select.POLLIN if wanted & _READ else 0) | (select.POLLOUT if wanted & _WRITE else 0))
    ready = 0
    for _, event in poll.poll(0):
        if event & (select.POLLIN | select.POLLHUP | select.POLLERR):
            ready |= _READ
        if event & select.POLLOUT:
            ready |= _WRITE
    return ready


def _refuse(*_: Any, **__: Any) -> Any:
    """Stand in for ``psycopg.Connection.connect``, which would block the loop and dial a real host."""
    raise Nondeterminism("synchronous psycopg inside an execution; use psycopg.AsyncConnection")


def _refuse_cancel(*_: Any, **__: Any) -> Any:
    """Stand in for the ``cancel`` that waits for the server with the loop standing still: for ever, in one thread."""
    raise Nondeterminism("psycopg's cancel() blocks the loop; use cancel_safe()")


class PsycopgSeam:
    """Leads psycopg's asynchronous connections into the bridge while an execution runs.

    Args:
        connected: is called for each connection.
    """

    def __init__(self, connected: Callable[[], None]) -> None:
        self._connected = connected
        self._bridge: Bridge | None = None
        self._links: dict[int, Link] = {}
        # Our ends, also of connections that the program has closed: what closes them may never get its turn.
        self._ends: list[socket.socket] = []
        self._directory: Path | None = None
        self._listener: socket.socket | None = None
        self._originals: list[tuple[Any, str, Any]] = []

    def begin(self, bridge: Bridge) -> None:
        """Patch psycopg and listen."""
        import psycopg
        from psycopg import _connection_base, waiting

        self._bridge = bridge
        if self._listener is None:
            self._listen()
        self._patch(waiting, "wait_async", self._wait)
        self._patch(waiting, "wait_conn_async", self._wait_connecting)
        self._patch(psycopg.AsyncConnection, "connect", classmethod(self._connect_wrapper()))
        self._patch(psycopg, "connect", _refuse)
        self._patch(psycopg.Connection, "connect", _refuse)
        self._patch(_connection_base.BaseConnection, "cancel", _refuse_cancel)
        self._patch(psycopg.AsyncConnection, "close", self._close_wrapper(psycopg.AsyncConnection.close))

    def session_of(self, connection: Any) -> Session | None:
        """Return the session of a psycopg connection, if it is one of this execution's."""
        link = None if connection.closed else self._links.get(connection.pgconn.socket)
        return None if link is None else link.session

    def end(self) -> None:
        """Put psycopg back as it was and drop what is connected."""
        for owner, attribute, original in reversed(self._originals):
            setattr(owner, attribute, original)
        self._originals.clear()
        self.drop()
        self._bridge = None

    def drop(self) -> None:
        """Close what is connected."""
        for end in self._ends:
            end.close()
        self._ends.clear()
        self._links.clear()

    def close(self) -> None:
        """Stop listening."""
        if self._listener is not None and self._directory is not None:
            self._listener.close()
            shutil.rmtree(self._directory, ignore_errors=True)
            self._listener = self._directory = None

    def _listen(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="simharness-pq-"))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._directory / f".s.PGSQL.{_PORT}"))
        self._listener.listen(128)

    def _patch(self, owner: Any, attribute: str, replacement: Any) -> None:
        # vars(): a class method must go back as it was, not bound to the class that it was read from.
        self._originals.append((owner, attribute, vars(owner)[attribute]))
        setattr(owner, attribute, replacement)

    def _connect_wrapper(self) -> Callable[..., Any]:
        from psycopg import AsyncConnection
        from psycopg.conninfo import conninfo_to_dict

        original = vars(AsyncConnection)["connect"].__func__

        async def connect(cls: Any, conninfo: str = "", **arguments: Any) -> Any:
            options = {key: arguments.pop(key) for key in _OPTIONS if key in arguments}
            parameters: dict[str, Any] = dict(conninfo_to_dict(conninfo, **arguments))
            for place in _PLACES:
                parameters.pop(place, None)
            parameters.setdefault("dbname", "program")
            parameters |= {"host": str(self._directory), "port": _PORT, "sslmode": "disable", "gssencmode": "disable"}
            # Also where libpq would look when it is told nothing: the environment's account and password file.
            parameters.setdefault("user", "program")
            return await original(cls, "", **parameters, **options)

        return connect

    def _close_wrapper(self, original: Callable[..., Any]) -> Callable[..., Any]:
        async def close(connection: Any) -> None:
            descriptor = -1 if connection.closed else connection.pgconn.socket
            await original(connection)
            if connection.pgconn.status == 0:  # still open where a pool took the connection back
                return
            link = self._links.pop(descriptor, None)
            if link is not None:
                link.pull()

        return close

    async def _wait(self, generator: Generator[int, int, Any], descriptor: int, *_: Any, **__: Any) -> Any:
        """Stand in for ``psycopg.waiting.wait_async``."""
        try:
            wanted = next(generator)
            while True:
                wanted = generator.send(await self._ready(descriptor, wanted))
        except StopIteration as result:
            return result.value

    async def _wait_connecting(self, generator: Generator[tuple[int, int], int, Any], *_: Any, **__: Any) -> Any:
        """Stand in for ``psycopg.waiting.wait_conn_async``."""
        descriptor = -1
        try:
            descriptor, wanted = next(generator)
            assert self._listener is not None, "psycopg connects only while an execution runs"
            assert self._bridge is not None, "psycopg connects only while an execution runs"
            # libpq's connect() to a listening Unix socket succeeds at once: its end is in the queue by now.
            end, _address = self._listener.accept()
            self._connected()
            self._ends.append(end)
            self._forget(descriptor)
            self._links[descriptor] = Link(asyncio.get_running_loop(), self._bridge, end)
            while True:
                descriptor, wanted = generator.send(await self._ready(descriptor, wanted))
        except StopIteration as result:
            return result.value

    async def _ready(self, descriptor: int, wanted: int) -> int:
        link = self._links[descriptor]
        while True:
            link.pull()
            ready = _ready(descriptor, wanted)
            if ready:
                return ready
            if link.closed:
                return _READ
            await link.moved()

    def _forget(self, descriptor: int) -> None:
        """The operating system gave the number of a closed socket again: its old link is dead."""
        old = self._links.pop(descriptor, None)
        if old is not None:
            old.pull()
            old.close()
