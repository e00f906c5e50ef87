"""The one clock: a simpy environment in integer nanoseconds whose ties are the explorer's choice.

simpy keeps its own heap and resolves ties in insertion order. Here a delay becomes a timer of the agenda, so that
which of several due timers fires next is decided where every other order is decided. Events without a delay keep
simpy's order: urgent before normal, first in, first out, all within the step that caused them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from functools import partial
from typing import Any

from simpy.core import Environment
from simpy.events import NORMAL, URGENT, Event, EventPriority, Process

from simharness.core import name
from simharness.core.agenda import Agenda
from simharness.core.footprint import recorder

# Events, stores and resources of simpy report no accesses, so all steps of simpy processes share one key. It costs
# nothing: they are timers, and two timers that fire depend on each other through the clock anyway.
SIMPY = name.static("simpy")


class VenueClock(Environment):
    """Virtual time since the start of the execution, in integer nanoseconds; satisfies ``core.time.Clock``.

    It is built first; the loop takes it as its clock, and :meth:`bind` tells it the agenda that the loop offers.
    """

    def __init__(self) -> None:
        super().__init__(0)
        self._agenda: Agenda | None = None
        self._urgent: deque[Event] = deque()
        self._normal: deque[Event] = deque()
        self._draining = False
        self._labels: dict[Process, str] = {}

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start of the execution."""
        return int(self._now)

    def advance_to(self, when_ns: int) -> None:
        """Move forward.

        Raises:
            ValueError: ``when_ns`` is in the past.
        """
        if when_ns < self._now:
            raise ValueError(f"time does not go backwards: {when_ns} ns is before {self._now} ns")
        self._now = when_ns

    def bind(self, agenda: Agenda) -> None:
        """Hand delayed events to ``agenda`` from now on."""
        self._agenda = agenda

    def start(self, generator: Generator[Event, Any, Any], label: str) -> Process:
        """Start a simpy process and run it until it waits for something; its timers carry ``label``."""
        process = Process(self, generator)
        self._labels[process] = label
        self.settle()
        return process

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        """Queue an event; called by simpy itself.

        Raises:
            TypeError: the delay is not an integer number of nanoseconds.
            RuntimeError: a delay before :meth:`bind`.
        """
        if not isinstance(delay, int):
            raise TypeError(f"a delay is an integer number of nanoseconds, not {delay!r}")
        if not delay:
            (self._urgent if priority == URGENT else self._normal).append(event)
            return
        if self._agenda is None:
            raise RuntimeError("the clock is not bound to an agenda yet")
        active = self._active_proc
        label = "timer of the venue" if active is None else self._labels.get(active, f"timer of {active.name}")
        self._agenda.after(delay, label, partial(self._fire, event))

    def settle(self) -> None:
        """Run every event that is due without a delay; whoever triggers a simpy event from outside calls this."""
        if self._draining:
            return
        self._draining = True
        try:
            while self._urgent or self._normal:
                self._run(self._urgent.popleft() if self._urgent else self._normal.popleft())
        finally:
            self._draining = False

    def _fire(self, event: Event) -> None:
        recorder.write(SIMPY)
        self._normal.append(event)
        self.settle()

    @staticmethod
    def _run(event: Event) -> None:
        """Do what ``simpy.Environment.step`` does with the event that it takes from its heap."""
        callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]  # simpy marks it processed so
        for callback in callbacks:
            callback(event)
        if not event.ok and not event.defused:
            failure = event.value
            assert isinstance(failure, BaseException)
            raise failure
