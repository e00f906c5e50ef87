"""The parts of a running bot manager and what they are to each other.

Two writers share the database: `commands`, called by the REST endpoints, and `events`, called by the order stream. A
cancel policy is one way of building the two.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simharness.managers.bots.background import BackgroundTasks
from simharness.managers.bots.models import Bot
from simharness.managers.bots.schemas import BotCreate, BotUpdate
from simharness.managers.bots.stream import OrderSink, OrderStream
from simharness.managers.bots.write_ahead.turns import Turns


class BotCommands(Protocol):
    """What a user can ask for. Each command works in the session of its request and returns the bot it committed.

    All but `create` and `stop_all` raise BotNotFound.
    """

    async def create(self, session: AsyncSession, wanted: BotCreate) -> Bot:
        """Store a bot and place its first order."""

    async def update(self, session: AsyncSession, bot_id: int, wanted: BotUpdate) -> Bot:
        """Change the prices and replace the open order."""

    async def start(self, session: AsyncSession, bot_id: int) -> Bot:
        """Let a bot trade; one that does already is left alone."""

    async def stop(self, session: AsyncSession, bot_id: int) -> Bot:
        """Cancel the open order and place no more."""

    async def delete(self, session: AsyncSession, bot_id: int) -> None:
        """Cancel the open order and forget the bot."""

    async def stop_all(self, session: AsyncSession) -> list[Bot]:
        """Stop every active bot, in the order of their ids."""


@dataclass(slots=True)
class BotManager:
    """Everything that lives as long as the application; nothing of it is a module global."""

    session_factory: async_sessionmaker[AsyncSession]
    commands: BotCommands
    events: OrderSink
    stream: OrderStream
    background: BackgroundTasks
    reconcile: Callable[[], Awaitable[None]] | None = None
    turns: Turns | None = None
    _watching: asyncio.Task[None] | None = None

    async def start(self, *, watch: bool) -> None:
        """Compare the database with the exchange, and follow the order stream if `watch` is set.

        The stream comes first: what happens while the comparison runs is then an event and not a gap.
        """
        if watch:
            self._watching = asyncio.create_task(self.stream.run(), name="order-stream")
        if self.reconcile is not None:
            await self.reconcile()

    async def aclose(self) -> None:
        """Stop following the stream and let go of every task."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None
        await self.background.aclose()
        if self.turns is not None:
            await self.turns.repairs.aclose()
