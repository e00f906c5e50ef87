"""asyncpg's end of a session: an asyncio transport whose other end is the bridge."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any

from simharness.database.postgresql.bridge import Bridge
from simharness.database.postgresql.session import Session


class SessionTransport(asyncio.Transport):
    """A transport to the simulated server; no socket is ever dialled.

    Args:
        loop: the program's loop.
        protocol: the driver's protocol.
        bridge: the bridge of the execution.
        plug: an unconnected socket, for drivers that ask for the transport's socket to set options.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol: asyncio.BaseProtocol, bridge: Bridge, plug: socket.socket
    ) -> None:
        super().__init__({"socket": plug, "peername": "simharness"})
        self._loop = loop
        self._protocol = protocol
        self._reading = True
        self._held = bytearray()
        # A client that insists on TLS is told that it has it: there is no wire that anybody could read.
        self.accepts_tls = not getattr(protocol, "ssl_is_advisory", True)
        self._session = Session(bridge, self)

    @property
    def session(self) -> Session:
        """The other end."""
        return self._session

    # -- what the driver calls

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Take bytes of the driver."""
        self._session.feed(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        """Take several pieces of bytes of the driver."""
        self.write(b"".join(bytes(data) for data in list_of_data))

    def close(self) -> None:
        """Close the program's end."""
        self._session.hang_up()

    def abort(self) -> None:
        """Close the program's end; what was written is on its way all the same."""
        self._session.hang_up()

    def is_closing(self) -> bool:
        """Return whether either end is closed."""
        return self._session.closed

    def can_write_eof(self) -> bool:
        """Return False: the protocol has no half-closed connections."""
        return False

    def get_write_buffer_size(self) -> int:
        """Return 0: what is written is with the server at once."""
        return 0

    def pause_reading(self) -> None:
        """Hold back what arrives."""
        self._reading = False

    def resume_reading(self) -> None:
        """Hand over what was held back."""
        self._reading = True
        if self._held:
            held, self._held = bytes(self._held), bytearray()
            self._loop.call_soon(self.receive, held)

    def is_reading(self) -> bool:
        """Return whether arriving bytes are handed over."""
        return self._reading

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Change who receives."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who receives."""
        return self._protocol

    # -- what the session calls

    def receive(self, data: bytes) -> None:
        """Hand bytes of the server to the driver."""
        if not self._reading:
            self._held += data
            return
        assert isinstance(self._protocol, asyncio.Protocol)
        self._protocol.data_received(data)

    def lost(self) -> None:
        """Tell the driver that the connection is closed."""
        self._protocol.connection_lost(None)

    def soon(self, action: Callable[[], None]) -> None:
        """Run ``action`` in the same cascade."""
        self._loop.call_soon(action)
