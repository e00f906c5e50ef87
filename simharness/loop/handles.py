"""Handles whose cancellation leaves a ghost.

A cancelled handle keeps its turn as a step without effect. If it vanished, the race between cancelling and running
would leave no trace, and which steps exist would depend on the schedule.
"""

from __future__ import annotations

from asyncio import events
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from simharness.core.footprint import recorder
from simharness.core.time import NS_PER_SECOND

if TYPE_CHECKING:
    from simharness.loop.loop import SimLoop


class SimHandle(events.Handle):
    """A callback in a process's queue."""

    __slots__ = ("key",)
    _simharness_keyed = True

    def __init__(
        self, callback: Callable[..., object], args: Any, loop: SimLoop, context: Context | None, key: int
    ) -> None:
        super().__init__(callback, args, loop, context)
        self.key = key

    def cancel(self) -> None:
        """Turn the handle into a ghost."""
        recorder.write(self.key)
        super().cancel()


class SimTimerHandle(events.TimerHandle):
    """A timer. A cancelled one still takes its turn, as a ghost."""

    __slots__ = ("key", "when_ns")
    _simharness_keyed = True

    def __init__(
        self, when_ns: int, callback: Callable[..., object], args: Any, loop: SimLoop, context: Context | None, key: int
    ) -> None:
        super().__init__(when_ns / NS_PER_SECOND, callback, args, loop, context)
        self.when_ns = when_ns
        self.key = key

    def cancel(self) -> None:
        """Turn the timer into a ghost."""
        recorder.write(self.key)
        # Handle's, not TimerHandle's: that one would ask the loop to drop it from its heap.
        events.Handle.cancel(self)
