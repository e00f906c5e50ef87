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

    A connection that broke may have lost events, so a synchronisation follows each reconnect.
    """

    def __init__(self, manager: PositionManager) -> None:
        self._manager = manager
        self._loops: list[asyncio.Task[None]] = []
        self.handlers: set[asyncio.Task[None]] = set()

    def start(self, *, periodic: bool = True) -> None:
        """Start listening, and with `periodic` the synchronisation and the protection check."""
        client, manager, settings = self._manager.exchange.client, self._manager, self._manager.settings
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
                self._spawn(self._resync())
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

    async def _resync(self) -> None:
        try:
            # Also what was lost about a position that is being opened has to be found.
            await self._manager.sync_with_exchange(patient=True)
        except PositionError as error:
            logger.warning("not synchronised after the reconnect: %s", error)

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
