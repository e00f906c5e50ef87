"""The queue of a stock asyncio loop, with the moments of delivery as the only choice.

This is the ground truth for the label "reachable on stock asyncio": every execution of :class:`StockOrder` is one that
an unmodified loop can have. It is for checking, not for searching: it has no reduction.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from simharness.core import name
from simharness.core.footprint import EMPTY
from simharness.core.step import Arrival, Kind, Step
from simharness.loop.agenda import Item
from simharness.loop.execution import LoopExecution

_RUN = name.static("run the callback in front")


class StockOrder(LoopExecution):
    """Mixin for an execution whose callbacks run in one queue, first in, first out.

    Its moves are: let the outside act, put a delivery or a due timer into the queue, run the callback in front.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._ready: deque[tuple[int, Item]] = deque()
        self._left = 0
        self._timers_read = False
        super().__init__(*args, **options)

    def enabled(self) -> list[int]:
        """Return the moves that are possible now."""
        self._collect()
        moves = [process for process in self.loop.queues.enabled() if self._may_land(process)]
        return [_RUN, *moves] if self._ready else moves

    def step(self, process: int, values: tuple[int, ...] = ()) -> Step:
        """Make a move. Landing in the queue is none of the program's steps."""
        self._collect()
        if process == _RUN:
            if not self._left:
                self._left = len(self._ready)
                self._timers_read = False
            self._left -= 1
            return self.perform(*self._ready.popleft(), values)
        item = self.loop.queues.take(process)
        if item.kind is Kind.EXECUTE or (item.own_cascade and item.kind is Kind.TIMER):
            return self.perform(process, item, values)
        if item.timer is not None:
            self._timers_read = True
            self.loop.zone.fire(item.timer)
            item.timer = None
        self._ready.append((process, item))
        return Step(process, 0, item.kind, item.arrival, "lands", EMPTY, None)

    def _collect(self) -> None:
        """Move what was scheduled with call_soon into the queue, in the order in which it was scheduled."""
        queues = self.loop.queues
        found = []
        for process in queues.processes():
            while (head := queues.head(process)) is not None and head.kind is Kind.HANDLE:
                found.append((queues.take(process), process))
        found.sort(key=lambda entry: entry[0].sequence)
        self._ready.extend((process, item) for item, process in found)

    def _may_land(self, process: int) -> bool:
        item = self.loop.queues.head(process)
        assert item is not None
        if item.kind is Kind.EXECUTE or item.arrival is Arrival.THREAD:
            return True
        if self._left:
            return False
        return item.kind is Kind.TIMER or not self._timers_read
