"""Where the frames of one topic wait until the program asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from simharness.core import name
from simharness.core.footprint import recorder
from simharness.venue.event import VenueEvent


class Inbox:
    """Frames that have arrived and were not taken yet.

    As with ccxt.pro's caches, nothing is lost while nobody waits; unlike there, two updates of one order stay two.

    Args:
        owner: name of the client, unique within the execution.
    """

    def __init__(self, owner: str) -> None:
        self._key = name.static(f"client {owner} inbox")
        self._frames: list[VenueEvent] = []
        self._waiters: list[asyncio.Future[None]] = []
        # Whether a frame that came now would be the first for whoever waits.
        self._awaited = False

    def push(self, frame: VenueEvent) -> None:
        """Keep a frame and wake whoever waits."""
        recorder.write(self._key)
        self._frames.append(frame)
        self._awaited = False
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def fail(self, error: Exception) -> None:
        """Raise ``error`` in whoever waits; if nobody does, nobody learns of it, as with ccxt.pro."""
        recorder.write(self._key)
        self._awaited = False
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def is_awaited(self) -> bool:
        """Return whether somebody waits and nothing has come; asked between steps, so it leaves no footprint."""
        return self._awaited

    async def take(self, wanted: Callable[[VenueEvent], bool]) -> list[VenueEvent]:
        """Wait until there are wanted frames, then remove and return all of them, in the order of arrival.

        Raises:
            ccxt.NetworkError: the connection broke while waiting.
        """
        while True:
            recorder.write(self._key)
            taken = [frame for frame in self._frames if wanted(frame)]
            if taken:
                self._frames = [frame for frame in self._frames if not wanted(frame)]
                return taken
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            self._awaited = True
            try:
                await waiter
            finally:
                recorder.write(self._key)
                self._waiters.remove(waiter)
                self._awaited = self._awaited and bool(self._waiters)
