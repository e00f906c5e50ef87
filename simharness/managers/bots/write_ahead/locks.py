"""One writer per bot at a time, within this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class BotLocks:
    """A lock per bot id that exists only while somebody holds it or waits for it.

    Waiters are served in the order in which they came, so that order events of one bot are applied as delivered.
    """

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, bot_id: int) -> bool:
        """Whether somebody is the writer of a bot now, or waits to be."""
        return bot_id in self._entries

    @asynccontextmanager
    async def hold(self, bot_id: int) -> AsyncIterator[None]:
        """Be the only writer of a bot inside the `async with` block."""
        entry = self._entries.setdefault(bot_id, _Entry())
        entry.users += 1
        try:
            async with entry.lock:
                yield
        finally:
            entry.users -= 1
            if entry.users == 0:
                del self._entries[bot_id]
