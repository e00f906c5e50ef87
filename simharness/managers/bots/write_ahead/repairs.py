"""Takes up again what could not be finished because the exchange did not answer, or the database failed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import OperationalError

from simharness.managers.bots.errors import ExchangeUnavailable

PASSING = (ExchangeUnavailable, OperationalError)
"""What may be over at the next attempt: no answer, a locked or restarting database."""

logger = logging.getLogger(__name__)


class Repairs:
    """At most one waiting repair per bot, repeated until exchange and database let it.

    Args:
        delay_s: pause before each attempt, in seconds.
    """

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def schedule(self, bot_id: int, repair: Callable[[int], Awaitable[None]]) -> None:
        """Call `repair(bot_id)` after a pause, unless that is already planned."""
        if bot_id not in self._tasks:
            self._tasks[bot_id] = asyncio.create_task(self._run(bot_id, repair), name=f"repair of bot {bot_id}")

    async def aclose(self) -> None:
        """Drop what is planned; the next start reconciles every bot anyway."""
        waiting = list(self._tasks.values())
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def _run(self, bot_id: int, repair: Callable[[int], Awaitable[None]]) -> None:
        try:
            await self._until_done(bot_id, repair)
        except Exception:
            logger.exception("repair of bot %s failed", bot_id)
        finally:
            del self._tasks[bot_id]

    async def _until_done(self, bot_id: int, repair: Callable[[int], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(self._delay_s)
            try:
                await repair(bot_id)
            except PASSING as error:
                logger.warning("repair of bot %s postponed: %s", bot_id, error)
            else:
                return
