"""Locks by key, for code that must not meet itself on one symbol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager


class KeyedLocks:
    """One `asyncio.Lock` per key, which is forgotten when nobody holds or awaits it."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    def hold(self, key: str) -> AbstractAsyncContextManager[None]:
        """Return the turn of whoever asks, which has to be entered; turns come in the order of entering.

        The key counts as used from this call on.
        """
        self._locks.setdefault(key, asyncio.Lock())
        self._users[key] = self._users.get(key, 0) + 1
        return self._turn(key)

    @asynccontextmanager
    async def _turn(self, key: str) -> AsyncIterator[None]:
        try:
            async with self._locks[key]:
                yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._locks[key]

    def is_used(self, key: str) -> bool:
        """Tell whether somebody has a turn, or will have one."""
        return key in self._locks
