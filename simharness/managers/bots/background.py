"""Tasks that nobody waits for."""

import asyncio
import logging
from collections.abc import Awaitable

logger = logging.getLogger(__name__)


class BackgroundTasks:
    """Runs work beside everything else; what fails is logged and keeps nothing else from running."""

    def __init__(self) -> None:
        # Strong references: the event loop itself keeps only weak ones.
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Awaitable[None], name: str) -> None:
        """Run `work` in a task of its own; `name` is what a failure is logged under."""
        task = asyncio.create_task(_guard(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Cancel what still runs, and what that starts while it ends."""
        while running := list(self._tasks):
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def _guard(work: Awaitable[None], name: str) -> None:
    try:
        await work
    except Exception:
        logger.exception("%s failed", name)
