"""An agenda that a test pumps by hand: queues per process, in any order the test chooses."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from simharness.core import name
from simharness.core.agenda import WorldEvent
from simharness.core.choice import StepChooser
from simharness.core.footprint import Footprint, recorder
from simharness.core.step import Kind, Operation
from simharness.venue import VenueClock


@dataclass
class Ran:
    """What one pumped event did."""

    label: str
    footprint: Footprint
    operations: list[Operation] = field(default_factory=list)


class FakeAgenda:
    """Runs world events one at a time, recording each as a step."""

    def __init__(self, faults: int = 0) -> None:
        self.clock = VenueClock()
        self.clock.bind(self)
        self.chooser = StepChooser(faults)
        self.queues: dict[int, deque[WorldEvent]] = {}
        self.timers: dict[int, tuple[int, str, Callable[[], None]]] = {}
        self.log: list[str] = []
        self._steps: dict[int, int] = {}
        recorder.begin(name.ROOT, 0, active=False)

    def offer(self, event: WorldEvent) -> None:
        self.queues.setdefault(event.process, deque()).append(event)

    def withdraw(self, process: int) -> None:
        self.queues.pop(process, None)

    def after(self, delay_ns: int, label: str, action: Callable[[], None], *, kind: Kind = Kind.EXECUTE) -> int:
        timer = recorder.fresh("timer")
        self.timers[timer] = (self.clock.now_ns + delay_ns, label, action)
        return timer

    def cancel_timer(self, timer: int) -> None:
        self.timers.pop(timer, None)

    def ready(self) -> list[int]:
        """Processes whose first event can happen now, sorted by readable name."""
        able = [p for p, queue in self.queues.items() if queue and (queue[0].ready is None or queue[0].ready())]
        return sorted(able, key=name.text)

    def labels(self) -> list[str]:
        return [self.queues[process][0].label for process in self.ready()]

    def run(self, process: int, *values: int) -> Ran:
        """Run the first event of ``process`` with prescribed answers to its choice points."""
        event = self.queues[process].popleft()
        return self._step(process, event.label, event.action, values)

    def run_labelled(self, prefix: str, *values: int) -> Ran:
        """Run the one ready event whose label starts with ``prefix``."""
        fitting = [p for p in self.ready() if self.queues[p][0].label.startswith(prefix)]
        assert len(fitting) == 1, (prefix, self.labels())
        return self.run(fitting[0], *values)

    def fire(self, label: str = "") -> Ran:
        """Fire the timer that is due first."""
        timer = min((t for t in self.timers if label in self.timers[t][1]), key=lambda t: self.timers[t][0])
        when, text, action = self.timers.pop(timer)
        self.clock.advance_to(when)
        return self._step(timer, text, action, ())

    def run_all(self) -> list[str]:
        """Run whatever is ready until nothing is, in the order of names; return the labels."""
        done = []
        while ready := self.ready():
            done.append(self.run(ready[0]).label)
        return done

    def step(self, action: Callable[[], object], *values: int, label: str = "") -> Ran:
        """Run something of the test's own as a step."""
        return self._step(name.static(f"test {label}"), label, action, values)

    def _step(self, process: int, label: str, action: Callable[[], object], values: tuple[int, ...]) -> Ran:
        index = self._steps[process] = self._steps.get(process, 0) + 1
        recorder.narrating = True
        recorder.begin(process, index, active=True)
        self.chooser.begin(values)
        try:
            action()
        finally:
            footprint = recorder.end()
            recorder.narrating = False
        self.log.append(label)
        return Ran(label, footprint, list(recorder.operations))
