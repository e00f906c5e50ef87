"""The user streams: they take in events in their order, and start a task for what an event leaves to do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from ccxt.base.errors import NetworkError

from simharness.managers.positions.errors import PositionError
from simharness.managers.positions.manager import PositionManager

logger = logging.getLogger(__name__)

Intake = Callable[[Mapping[str, Any]], Coroutine[Any, Any, None] | None]


class UserStreams:
    """Feeds a manager from `watch_positions` and `watch_orders`, and repeats its periodic checks.

    A connection that broke may have lost events, so a synchronisation follows each reconnect. That is when the new
    connection stands: what happens before, the snapshot shows, and what happens after, the stream tells. An
    error of `watch_…` is no sign to rely on, for ccxt raises it only in calls that wait at the moment of the break.
    """

    def __init__(self, manager: PositionManager) -> None:
        self._manager = manager
        self._loops: list[asyncio.Task[None]] = []
        self.handlers: set[asyncio.Task[None]] = set()
        self._inner_hook: Callable[..., object] = manager.exchange.client.on_connected
        self._seen: set[str] = set()

    def start(self, *, periodic: bool = True) -> None:
        """Start listening, and with `periodic` the synchronisation and the protection check."""
        client, manager, settings = self._manager.exchange.client, self._manager, self._manager.settings
        # ccxt's own hook has work to do, and may be somebody else's by now.
        self._inner_hook, client.on_connected = client.on_connected, self._connected
        loops: list[Coroutine[Any, Any, None]] = [
            self._listen(client.watch_positions, manager.take_position),
            self._listen(client.watch_orders, manager.take_order),
        ]
        if periodic:
            loops.append(self._repeat(manager.sync_with_exchange, settings.sync_interval_s))
            loops.append(self._repeat(manager.check_protection, settings.protection_interval_s))
        self._loops = [asyncio.create_task(loop) for loop in loops]

    async def stop(self) -> None:
        """Stop listening and wait for the handlers and commands that are under way."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops = []
        if self._manager.exchange.client.on_connected == self._connected:
            self._manager.exchange.client.on_connected = self._inner_hook
        while self.handlers:
            await asyncio.wait(list(self.handlers))
        await self._manager.drain()

    async def _listen(self, watch: Callable[[], Awaitable[Any]], take: Intake) -> None:
        while True:
            try:
                events = await watch()
            except NetworkError as error:
                logger.warning("stream interrupted: %s", error)
                await asyncio.sleep(self._manager.settings.reconnect_s)
                continue
            for event in events:
                try:
                    work = take(event)
                except Exception:
                    # A report that makes no sense must not end the stream.
                    logger.exception("an event could not be taken in: %s", event)
                else:
                    if work is not None:
                        self._spawn(work)

    def _connected(self, socket: Any, *details: Any) -> None:
        """Take note of a new connection; the first to a place is no reconnect: recovery follows the start."""
        self._inner_hook(socket, *details)
        if socket.url in self._seen:
            self._spawn(self._resync())
        self._seen.add(socket.url)

    async def _resync(self) -> None:
        """Synchronise, and try again a few times if the exchange does not answer."""
        settings = self._manager.settings
        for attempt in range(1, settings.resyncs + 1):
            try:
                # Also what was lost about a position that is being opened has to be found.
                await self._manager.sync_with_exchange(patient=True)
            except PositionError as error:
                logger.warning("not synchronised after the reconnect (%d of %d): %s", attempt, settings.resyncs, error)
                await asyncio.sleep(settings.reconnect_s * attempt)
            else:
                return

    async def _repeat(self, check: Callable[[], Awaitable[None]], interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            try:
                await check()
            except PositionError as error:
                logger.warning("%s", error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.handlers.add(task)
        task.add_done_callback(self._handled)

    def _handled(self, task: asyncio.Task[None]) -> None:
        self.handlers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a stream handler failed", exc_info=error)
