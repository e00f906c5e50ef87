"""One run of an asyncio program, advanced step by step by an explorer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from enum import StrEnum
from typing import Any

from simharness.core import name
from simharness.core.choice import Choice, Source, StepChooser
from simharness.core.footprint import CLOCK, EMPTY, Footprint, recorder
from simharness.core.step import Kind, Step, Window
from simharness.core.time import Clock
from simharness.core.verdict import Finding
from simharness.errors import Nondeterminism, ReplayDiverged, SpinningProgram
from simharness.loop import guard
from simharness.loop.agenda import Item
from simharness.loop.describe import label_of
from simharness.loop.futures import TrackedTask, closure_keys
from simharness.loop.garbage import abandon, execution_closed, silence
from simharness.loop.loop import SimLoop

MAX_STEPS = 100_000

# After so many callbacks in a row the program is taken to spin: it waits in a loop of `sleep(0)` for something that
# only time brings. (What the outside has ready is older than the next callback, so it comes first anyway.)
PATIENCE = 200

# Looked up once: reading a member of an enum costs as much as a call, and these are asked at every step.
_HANDLE, _TIMER = Kind.HANDLE, Kind.TIMER


class Semantics(StrEnum):
    """Which orders count (EXPLORATION): stock covers all that asyncio can do, and labels what it cannot."""

    STOCK = "stock"
    QUIESCENT = "quiescent"
    ANY_ORDER = "any-order"


class LoopExecution:
    """An execution on a loop of ours.

    Args:
        semantics: see :class:`Semantics`.
        faults: budget of fault choices.
        strikes: a smaller budget that holds instead, in an execution whose schedules are those of ``faults``.
        clock: the clock, or None for one that only timers move.
        tracking: whether footprints are recorded.
        horizon_ns: timers later than this never fire.
        latency: how long a message to or from the outside takes, for ``explore.latency``; None: nobody knows.
        max_steps: give up on an execution that is longer.
    """

    def __init__(
        self,
        *,
        semantics: Semantics = Semantics.STOCK,
        faults: int = 0,
        strikes: int | None = None,
        clock: Clock | None = None,
        tracking: bool = True,
        horizon_ns: int | None = None,
        latency: Window | None = None,
        max_steps: int = MAX_STEPS,
    ) -> None:
        self.semantics = semantics
        self.steps: list[Step] = []
        self._chooser = StepChooser(faults, strikes)
        self.loop = SimLoop(
            clock,
            self._chooser,
            tracking=tracking,
            any_order=semantics is Semantics.ANY_ORDER,
            horizon_ns=horizon_ns,
            latency=latency,
        )
        self._tracking = tracking
        self._max_steps = max_steps
        self._quiescent = semantics is Semantics.QUIESCENT
        self._clock_reader = self._now_ns
        self._counts: dict[int, int] = {}
        self._callbacks_in_a_row = 0
        self._context: Context = copy_context()
        self._closed = False
        self._calls = 0
        self.remarks: list[Finding] = []

    # -- building -----------------------------------------------------------------------------------------

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, process: int | None = None) -> asyncio.Task[Any]:
        """Create a task before the exploration starts; its cascade is the process ``process``."""
        self.loop.target = name.ROOT if process is None else process
        recorder.begin(self.loop.target, -1, active=self._tracking)
        self.loop.enter()
        try:
            return self._context.run(self.loop.create_task, coroutine)
        finally:
            self.loop.leave()
            recorder.end()

    def call(self, action: Callable[[], Any]) -> Any:
        """Run code of the set-up inside the loop and its context, outside of the exploration."""
        # Recording: what is born here must have a name of its own later.
        self._calls += 1
        recorder.begin(name.ROOT, -1 - self._calls, active=self._tracking)
        self.loop.enter()
        guard.activate(self._clock_reader)
        try:
            return self._context.run(action)
        finally:
            guard.deactivate()
            self.loop.leave()
            recorder.end()

    def settle(self) -> None:
        """Run in base order until nothing is enabled; the exploration begins after it."""
        look, self.after_action = self.after_action, _look_away  # type: ignore[method-assign]  # nobody judges the set-up
        try:
            while enabled := self.enabled():
                self.step(enabled[0])
        finally:
            self.after_action = look  # type: ignore[method-assign]  # as above
        self.steps.clear()
        self._chooser.history.clear()
        self.loop.queues.forget_causes()

    # -- the protocol of core.execution -------------------------------------------------------------------

    def enabled(self) -> list[int]:
        """Return the processes that can take a step now, in base order."""
        return self.loop.queues.enabled(timers_first=self._callbacks_in_a_row >= PATIENCE)

    def choices(self) -> list[Choice]:
        """Return the data choices taken so far."""
        return self._chooser.history

    def draw_with(self, source: Source) -> None:
        """Let ``source`` answer the data choices that ``step`` is given no answer for."""
        self._chooser.source = source

    def label(self, process: int) -> str:
        """Return what an enabled process would do next, in a few words."""
        item = self.loop.queues.head(process)
        return "" if item is None else item.label or label_of(item)

    def step(self, process: int, values: tuple[int, ...] = ()) -> Step:
        """Let ``process`` take its next step."""
        return self.perform(process, self.loop.queues.take(process), values)

    def perform(self, process: int, item: Item, values: tuple[int, ...]) -> Step:
        """Run one entry of a queue as the next step of ``process``."""
        position = len(self.steps)
        if position >= self._max_steps:
            raise _spinning(position)
        loop, tracking, state = self.loop, self._tracking, guard.guard
        index = self._counts.get(process, 0)
        self._counts[process] = index + 1
        loop.position = position
        loop.ended = False
        mortal = self.is_mortal(process, item)
        loop.children = []
        loop.target = name.causal("cascade", process, index, 0) if item.own_cascade else process
        self._callbacks_in_a_row = self._callbacks_in_a_row + 1 if item.kind is _HANDLE else 0
        chooser = self._chooser
        chooser.begin(values)
        recorder.begin(process, index, active=tracking)
        loop.enter()
        state.now_ns = self._clock_reader  # as guard.activate() does, without the call
        try:
            if item.kind is _HANDLE and not tracking:
                if not item.payload._cancelled:
                    item.payload._run()
            else:
                self._run(item)
            if self._quiescent:
                self._run_cascade()
            self.after_action(item)
        except IndexError as error:
            if "has no option" not in str(error):
                raise
            raise ReplayDiverged(position, f"a data choice {values}", str(error)) from error
        finally:
            state.now_ns = None
            loop.leave()
            loop.position = None
            footprint = recorder.end() if tracking else EMPTY
        if state.refusal is not None or state.remarks:
            self._take_remarks(position)
        step = self._step_of(process, index, item, footprint, mortal=mortal)
        self.steps.append(step)
        return step

    def _step_of(self, process: int, index: int, item: Item, footprint: Footprint, *, mortal: bool) -> Step:
        """Describe what has just run."""
        loop, chooser = self.loop, self._chooser
        return Step(
            process,
            index,
            item.kind,
            item.arrival,
            item.label or label_of(item),
            footprint,
            item.cause,
            tuple(chooser.values),
            tuple(chooser.options),
            tuple(loop.children),
            loop._clock.now_ns,
            tuple(recorder.operations) if recorder.narrating else (),
            item.waited,
            item.window,
            mortal,
            loop.ended,
        )

    def _take_remarks(self, position: int) -> None:
        """Keep what the step did that no order of events is to blame for.

        Raises:
            Nondeterminism: it asked for what cannot be simulated.
        """
        try:
            guard.check_refusals()
        except Nondeterminism:
            self.close()
            raise
        self.remarks += [Finding(kind, text, position, warning=True) for kind, text in guard.take_remarks()]

    def conclude(self) -> tuple[Any, tuple[Finding, ...]]:
        """Return no outcome and no findings; programs and worlds know better."""
        return None, ()

    def close(self) -> None:
        """Drop everything, also half-way; coroutines are closed without the loop hearing of it."""
        if self._closed:
            return
        self._closed = True
        with silence():
            self._abandon_all()
        execution_closed()

    def _abandon_all(self) -> None:
        self.loop.abandoned = True
        self.loop.queues.clear()
        recorder.begin(name.ROOT, -3, active=False)
        # Entered: clean-up code asks for the running loop, and finds one that starts nothing any more.
        self.loop.enter()
        try:
            for task in self.loop.tasks:
                abandon(task)
            self.loop.tasks.clear()
            self.loop.queues.clear()
        finally:
            self.loop.leave()
        self.loop.close()

    def _now_ns(self) -> int:
        return self.loop.clock.now_ns

    def is_mortal(self, process: int, item: Item) -> bool:
        """Return whether an entry is lost when the program's process ends; worlds in which it can know."""
        del process, item
        return False

    def after_action(self, item: Item) -> None:
        """Look at what a step did, inside the step; worlds judge here."""

    # -- one step -----------------------------------------------------------------------------------------

    def _run_cascade(self) -> None:
        queues = self.loop.queues
        target = self.loop.target
        for _ in range(PATIENCE):  # one that spins would never end
            item = queues.head(target)
            if item is None or item.kind is not _HANDLE:
                return
            self._run(queues.take(target))

    def _run(self, item: Item) -> None:
        kind = item.kind
        if kind is _HANDLE:
            self._run_handle(item.payload)
        elif kind is _TIMER:
            self._fire(item)
        else:
            self._context.run(item.payload)

    def _run_handle(self, handle: Any) -> None:
        if self._tracking:
            recorder.writes.add(handle.key)
            owner = getattr(handle._callback, "__self__", None)
            if isinstance(owner, TrackedTask):
                recorder.writes.add(owner.key)
            else:
                recorder.writes.update(closure_keys(handle._callback))
        if not handle._cancelled:
            handle._run()

    def _fire(self, item: Item) -> None:
        handle = item.payload
        loop = self.loop
        loop.note_timer_fired(item.timer)
        if self._tracking:
            recorder.writes.add(handle.key)
        recorder.read(CLOCK)
        if handle._cancelled:
            return
        when_ns = handle.when_ns
        if when_ns > loop.clock.now_ns:
            recorder.write(CLOCK)
            loop.clock.advance_to(when_ns)
        if item.own_cascade:
            self._context.run(handle._callback)
        else:
            self._run_handle(handle)


def _look_away(item: Item) -> None:
    """Judge nothing."""


def _spinning(steps: int) -> SpinningProgram:
    return SpinningProgram(
        f"the execution has not come to rest after {steps} steps; is there an endless loop? (Virtual time moves only "
        "when timers fire: a loop that waits for the clock must sleep longer than 0)"
    )
