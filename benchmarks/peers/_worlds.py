"""How the exchange of the race can be played by a test: by a coroutine, by callbacks, by sleeps, behind sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

# Seconds. Distinct, so that a clock that goes from timer to timer allows one order only: the answer first. Apart by
# less than the jitter of 10 ms that detangle's README gives to timers.
REQUEST, ANSWER, FRAME = 0.005, 0.003, 0.006
HOST, PORT = "exchange", 8080

Function = Callable[[], Any]
Role = Callable[[], Coroutine[Any, Any, None]]


class Stream(Protocol):
    """Frames in order."""

    def push(self, item: str) -> None:
        """Send a frame."""

    async def get(self) -> str:
        """Wait for the next one."""


class World(Protocol):
    """The outside: an exchange that answers calls and streams frames."""

    async def call(self, fn: Function, *, channel: str | None = None) -> Any:
        """Execute at the exchange and wait for its answer."""

    def stream(self, channel: str) -> Stream:
        """Return the stream of that name."""


class TaskWorld:
    """The exchange is a coroutine of the program; no time passes.

    It answers before it streams, so stock asyncio passes both versions. The other way round, any test would find the
    bug in its first run. The worlds below keep to the same.
    """

    def __init__(self) -> None:
        self._requests: asyncio.Queue[tuple[Function, asyncio.Queue[Any]]] = asyncio.Queue()
        self._frames: list[tuple[QueueStream, str]] = []
        self.roles: tuple[Role, ...] = (self.exchange,)

    async def call(self, fn: Function, *, channel: str | None = None) -> Any:
        """Put a request and wait for its answer; both by queues, which every tool knows."""
        del channel
        answer: asyncio.Queue[Any] = asyncio.Queue()
        self._requests.put_nowait((fn, answer))
        return await answer.get()

    def stream(self, channel: str) -> Stream:
        """Return a stream."""
        del channel
        return QueueStream(lambda stream, item: self._frames.append((stream, item)))

    async def exchange(self) -> None:
        """Execute one request, answer it, stream what it pushed."""
        fn, answer = await self._requests.get()
        answer.put_nowait(fn())
        for stream, item in self._frames:
            stream.arrived.put_nowait(item)


class QueueStream:
    """A queue, and a way into it."""

    def __init__(self, send: Callable[[QueueStream, str], None]) -> None:
        self.arrived: asyncio.Queue[str] = asyncio.Queue()
        self._send = send

    def push(self, item: str) -> None:
        """Send a frame."""
        self._send(self, item)

    async def get(self) -> str:
        """Wait for the next one."""
        return await self.arrived.get()


class SoonWorld:
    """Every event is a callback of its own, by ``call_soon``; a frame is handed on once more than an answer."""

    async def call(self, fn: Function, *, channel: str | None = None) -> Any:
        """Execute, then answer."""
        del channel
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        loop.call_soon(lambda: loop.call_soon(answer.set_result, fn()))
        return await answer

    def stream(self, channel: str) -> Stream:
        """Return a stream."""
        del channel

        def send(stream: QueueStream, item: str) -> None:
            loop = asyncio.get_running_loop()
            loop.call_soon(lambda: loop.call_soon(stream.arrived.put_nowait, item))

        return QueueStream(send)


class SleepingWorld:
    """Messages take a time, and always the same: a request, its answer and a frame one each."""

    def __init__(self) -> None:
        self._sent: asyncio.Queue[tuple[QueueStream, str]] = asyncio.Queue()
        self.roles: tuple[Role, ...] = (self.deliver,)

    async def call(self, fn: Function, *, channel: str | None = None) -> Any:
        """Execute, then answer."""
        del channel
        await asyncio.sleep(REQUEST)
        answer = fn()
        await asyncio.sleep(ANSWER)
        return answer

    def stream(self, channel: str) -> Stream:
        """Return a stream."""
        del channel
        return QueueStream(lambda stream, item: self._sent.put_nowait((stream, item)))

    async def deliver(self) -> None:
        """Carry one frame."""
        stream, item = await self._sent.get()
        await asyncio.sleep(FRAME)
        stream.arrived.put_nowait(item)


class SocketWorld:
    """The exchange is a server behind asyncio's streams, for tools that simulate a network.

    Each stream is a connection and each request is one, so an answer and a frame travel side by side.
    """

    def __init__(self) -> None:
        self._requests: dict[str, Function] = {}
        self._subscribers: dict[str, asyncio.StreamWriter] = {}
        self._frames: list[tuple[str, str]] = []
        self._server: asyncio.Server | None = None
        self._streams: list[SocketStream] = []

    async def serve(self) -> None:
        """Open the exchange; runs on a host of its own."""
        self._server = await asyncio.start_server(self._serve_one, HOST, PORT)

    async def connect(self) -> None:
        """Wait until the exchange listens, then subscribe to every stream."""
        await asyncio.sleep(1)
        for stream in self._streams:
            await stream.subscribe()

    def close(self) -> None:
        """Close every connection, and the exchange."""
        for stream in self._streams:
            stream.close()
        if self._server is not None:
            self._server.close()

    async def call(self, fn: Function, *, channel: str | None = None) -> Any:
        """Request over a connection of its own."""
        del channel
        name = f"request {len(self._requests)}"
        self._requests[name] = fn
        reader, writer = await asyncio.open_connection(HOST, PORT)
        writer.write(f"{name}\n".encode())
        answer = await reader.readline()
        writer.close()
        return answer

    def stream(self, channel: str) -> Stream:
        """Return the stream of that name."""
        stream = SocketStream(channel, self._frames)
        self._streams.append(stream)
        return stream

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = (await reader.readline()).decode().strip()
        if name in self._requests:
            self._requests[name]()
        else:
            self._subscribers[name] = writer
        writer.write(b"done\n")
        while self._frames:
            channel, item = self._frames.pop(0)
            self._subscribers[channel].write(f"{item}\n".encode())


class SocketStream:
    """One connection that the exchange writes frames to."""

    def __init__(self, name: str, frames: list[tuple[str, str]]) -> None:
        self._name, self._frames = name, frames
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def subscribe(self) -> None:
        """Connect, and wait until the exchange knows the subscriber."""
        # Both are kept: a writer that is collected closes the connection.
        reader, writer = self._connection = await asyncio.open_connection(HOST, PORT)
        writer.write(f"{self._name}\n".encode())
        await reader.readline()

    def close(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            self._connection[1].close()

    def push(self, item: str) -> None:
        """Send a frame, at the exchange: when it has answered."""
        self._frames.append((self._name, item))

    async def get(self) -> str:
        """Wait for the next one."""
        assert self._connection is not None
        frame = (await self._connection[0].readline()).decode().strip()
        assert frame, "the stream ended"
        return frame
