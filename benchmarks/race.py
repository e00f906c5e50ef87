"""The canonical race as plain asyncio: cancel → "cancelled" on the stream → the handler reads the committed reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import simharness

Program = Callable[[], Coroutine[Any, Any, Any]]


async def bot(world: Any, symbol: str, *, fixed: bool) -> dict[str, str]:
    """Change one bot while its order is open; return its rows as they are in the end."""
    row: dict[str, str] = simharness.shared({"reason": "", "status": "ACTIVE"})
    stream = world.stream(f"orders {symbol}")

    async def change() -> None:
        if fixed:
            row["reason"] = "UPDATE"
        await world.call(lambda: stream.push("cancelled"), channel=f"rest {symbol}")
        if not fixed:
            row["reason"] = "UPDATE"

    async def handle() -> None:
        await stream.get()
        if not row["reason"]:
            row["status"] = "STOPPED"

    asyncio.create_task(handle())  # noqa: RUF006 — the loop keeps it, and the execution ends when nothing is left
    asyncio.create_task(change())  # noqa: RUF006 — as above
    return row


def race(symbols: int = 1, *, fixed: bool = False, world: Callable[[], Any] = simharness.world) -> Program:
    """Return the program for some symbols that have nothing to do with each other."""

    async def program() -> Callable[[], tuple[str, ...]]:
        outside = world()
        rows = [await bot(outside, f"S{number}", fixed=fixed) for number in range(symbols)]
        return lambda: tuple([dict.__getitem__(row, "status") for row in rows])

    return program


def race_by_symbol(symbols: int, *, fixed: bool) -> Program:
    """Return the same with an outcome for each symbol, for checks that look at one each."""

    async def program() -> dict[str, Callable[[], str]]:
        outside = simharness.world()
        rows = {f"S{number}": await bot(outside, f"S{number}", fixed=fixed) for number in range(symbols)}
        return {symbol: lambda row=row: row["status"] for symbol, row in rows.items()}

    return program


class StockWorld:
    """The same outside world on a stock loop: every event happens by ``call_soon``, in order."""

    def __init__(self) -> None:
        self._streams: dict[str, StockStream] = {}

    async def call(self, fn: Callable[[], Any], *, channel: str | None = None) -> Any:
        """Execute, then answer: two callbacks, as in ours two world events."""
        del channel
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_soon(lambda: loop.call_soon(future.set_result, fn()))
        return await future

    def stream(self, channel: str) -> StockStream:
        """Return the stream of that name."""
        return self._streams.setdefault(channel, StockStream())


class StockStream:
    """Frames in order, each delivered by a callback of its own."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[Any] = asyncio.Queue()

    def push(self, item: Any) -> None:
        """Deliver later."""
        asyncio.get_running_loop().call_soon(self._arrived.put_nowait, item)

    async def get(self) -> Any:
        """Wait for the next frame."""
        return await self._arrived.get()
