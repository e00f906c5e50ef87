"""The queues of everything that may happen next, one for each process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from simharness.core.step import Arrival, Kind, Window

# Looked up once: reading a member of an enum costs as much as a call, and this is asked at every step.
_TIMER = Kind.TIMER


class Item:
    """One entry of a queue: a callback of the program, a world event or a timer.

    Args:
        kind: what sort of step it will be.
        payload: the handle of a callback or timer, or the action of a world event.
        label: short readable text, or "" (callbacks are described when somebody asks).
        cause: position of the step that put it here.
        sequence: order of arrival over all queues: the base order.
        arrival: for deliveries.
        own_cascade: whether its consequences are a process of their own.
        ready: whether it can run now; None means always.
        window: how long after its cause it happens; None where nobody knows.

    Attributes:
        waited: whether it was in front of its queue and could not run.
    """

    __slots__ = (
        *("arrival", "cause", "kind", "label", "own_cascade", "payload", "ready", "sequence", "timer", "waited"),
        "window",
    )

    def __init__(
        self,
        kind: Kind,
        payload: Any,
        cause: int | None,
        sequence: int,
        *,
        label: str = "",
        arrival: Arrival | None = None,
        own_cascade: bool = False,
        ready: Callable[[], bool] | None = None,
        timer: int | None = None,
        window: Window | None = None,
    ) -> None:
        self.kind = kind
        self.payload = payload
        self.cause = cause
        self.sequence = sequence
        self.label = label
        self.arrival = arrival
        self.own_cascade = own_cascade
        self.ready = ready
        self.timer = timer
        self.waited = False
        self.window = window

    @property
    def acts(self) -> bool:
        """Whether it happens at an outside actor."""
        return self.kind is Kind.EXECUTE or (self.kind is Kind.TIMER and self.own_cascade)


class Queues:
    """First in, first out inside a process; free order between processes."""

    __slots__ = ("_queues",)

    def __init__(self) -> None:
        self._queues: dict[int, deque[Item]] = {}

    def put(self, process: int, item: Item) -> None:
        """Append to a process."""
        queue = self._queues.get(process)
        if queue is None:
            queue = self._queues[process] = deque()
        queue.append(item)

    def head(self, process: int) -> Item | None:
        """Return what the process would do next."""
        queue = self._queues.get(process)
        return queue[0] if queue else None

    def take(self, process: int) -> Item:
        """Remove and return the head of a process."""
        queue = self._queues[process]
        item = queue.popleft()
        if not queue:
            del self._queues[process]
        return item

    def pending(self, process: int) -> list[Item]:
        """Return what a process still has to do, in order."""
        return list(self._queues.get(process, ()))

    def enabled(self, *, timers_first: bool = False) -> list[int]:
        """Return the processes that can run now, those whose head came first in front.

        Timers stand behind everything else, or in front of it.
        """
        if len(self._queues) == 1:
            ((process, queue),) = self._queues.items()
            if queue[0].ready is None:
                return [process]
        found = []
        for process, queue in self._queues.items():
            item = queue[0]
            if item.ready is None or item.ready():
                found.append(((item.kind is _TIMER) is not timers_first, item.sequence, process))
            else:
                item.waited = True
        found.sort()
        return [process for _, _, process in found]

    def blocked(self) -> list[tuple[int, Item]]:
        """Return the processes whose head cannot run now."""
        return [
            (process, queue[0])
            for process, queue in self._queues.items()
            if queue[0].ready is not None and not queue[0].ready()
        ]

    def drop(self, keeps: Callable[[int, Item], bool]) -> list[Item]:
        """Remove the entries that ``keeps`` (called with process and entry) does not keep, and return them."""
        dropped = []
        for process, queue in list(self._queues.items()):
            kept = deque(item for item in queue if keeps(process, item))
            dropped += [item for item in queue if item not in kept]
            if kept:
                self._queues[process] = kept
            else:
                del self._queues[process]
        return dropped

    def processes(self) -> list[int]:
        """Return the processes that have anything in their queue."""
        return list(self._queues)

    def forget_causes(self) -> None:
        """Make everything pending a beginning: what put it here is not part of the exploration."""
        for queue in self._queues.values():
            for item in queue:
                item.cause = None

    def clear(self) -> None:
        """Forget everything."""
        self._queues.clear()
