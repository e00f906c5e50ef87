"""The event loop: asyncio's ``BaseEventLoop`` with the explorer in place of the selector."""

from __future__ import annotations

import asyncio
import sys
from asyncio import events
from collections.abc import Callable
from contextvars import Context
from functools import partial
from types import CellType
from typing import Any, NoReturn, cast

from simharness.core import name
from simharness.core.agenda import WorldEvent
from simharness.core.choice import StepChooser
from simharness.core.footprint import CLOCK, recorder
from simharness.core.step import Arrival, Kind, Window
from simharness.core.time import NS_PER_SECOND, Clock, ManualClock, seconds_to_ns
from simharness.loop.agenda import Item, Queues
from simharness.loop.futures import TrackedFuture, TrackedTask, closure_keys
from simharness.loop.guard import declare, in_a_thread, refused
from simharness.loop.handles import SimHandle, SimTimerHandle
from simharness.loop.network import Network
from simharness.loop.timers import TimerZone

# Every creation and firing of a timer: which timers may fire depends on the order of all of them.
_TIMER_ORDER = name.static("TIMERS")

NO_SECOND_OPTION = "simharness runs one loop in one thread"


class SimLoop(asyncio.BaseEventLoop):
    """An event loop that runs one step when it is told which.

    Args:
        clock: the one source of time.
        chooser: the one door for data choices.
        tracking: whether futures and tasks report to the recorder; False for searches without footprints.
        any_order: whether every ready task step is a choice of its own (semantics ``any-order``).
        horizon_ns: timers later than this never fire.
        latency: how long a message to or from the outside takes; None: nobody knows.
    """

    _simharness_keyed = True

    def __init__(
        self,
        clock: Clock | None = None,
        chooser: StepChooser | None = None,
        *,
        tracking: bool = True,
        any_order: bool = False,
        horizon_ns: int | None = None,
        latency: Window | None = None,
    ) -> None:
        super().__init__()
        self._clock: Clock = ManualClock() if clock is None else clock
        self._chooser = StepChooser() if chooser is None else chooser
        self._tracking = tracking
        self._any_order = any_order
        self._horizon_ns = horizon_ns
        self._latency = latency
        self.queues = Queues()
        self.cells: dict[int, tuple[CellType, int]] = {}
        self.zone = TimerZone()
        self.network = Network()
        self.tasks: list[asyncio.Task[Any]] = []
        self.errors: list[dict[str, Any]] = []
        self.position: int | None = None
        self.target = name.ROOT
        self.children: list[tuple[int, Kind]] = []
        self.beyond_horizon = 0
        self.abandoned = False
        self.ended = False
        self._sequence = 0
        self._timers = 0
        self._deadlines: dict[tuple[int, int, float], int] = {}
        self._outside: dict[int, SimTimerHandle] = {}
        # BaseEventLoop's own hooks, bound once.
        self._asyncgen_hooks = self._asyncgen_firstiter_hook, self._asyncgen_finalizer_hook  # type: ignore[attr-defined]  # absent from typeshed
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    # -- what the seams see -------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """The one clock."""
        return self._clock

    @property
    def chooser(self) -> StepChooser:
        """The one door for data choices."""
        return self._chooser

    def offer(self, event: WorldEvent) -> None:
        """Put a world event at the end of its process's queue."""
        # Whose event comes first in a queue is decided by the order of the offers.
        recorder.write(event.process)
        item = Item(
            event.kind,
            event.action,
            self.position,
            self._next_sequence(),
            label=event.label,
            arrival=event.arrival if event.kind is Kind.DELIVER else None,
            own_cascade=event.own_cascade,
            ready=event.ready,
            window=self._latency if event.travels else None,
        )
        # Of the frames that may come next, one takes the place that all of them need.
        item.waited = event.own_cascade and event.ready is not None
        self._put(event.process, item)

    def withdraw(self, process: int) -> None:
        """Turn everything pending in a process into ghosts: they take their turn, and only know who made them so."""
        recorder.write(process)
        for item in self.queues.pending(process):
            item.payload = partial(recorder.read, process)
            item.ready = item.window = None
            item.kind = Kind.EXECUTE

    def after(self, delay_ns: int, label: str, action: Callable[[], None], *, kind: Kind = Kind.EXECUTE) -> int:
        """Start a timer outside the program; return its name.

        ``kind`` says what its firing is to the program: ``EXECUTE`` at an actor, ``DELIVER`` a callback.
        """
        when_ns = self._clock.now_ns + delay_ns
        key = recorder.fresh("timer")
        handle = SimTimerHandle(when_ns, action, (), self, None, key)
        self._outside[key] = handle
        self._start_timer(handle, when_ns, delay_ns, label=label, outside=kind is Kind.EXECUTE)
        return key

    def cancel_timer(self, timer: int) -> None:
        """Turn an outside timer into a ghost."""
        handle = self._outside.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def lose(self, survives: Callable[[int, Item], bool]) -> None:
        """Drop what is pending and does not survive, as when the program's process ends: no ghosts are left."""
        recorder.write(_TIMER_ORDER)
        self.ended = True
        for item in self.queues.drop(survives):
            if item.timer is not None:
                self.zone.drop(item.timer)

    # -- what asyncio sees --------------------------------------------------------------------------------

    def time(self) -> float:
        """Return the virtual time in seconds."""
        recorder.read(CLOCK)
        return self._clock.now_ns / NS_PER_SECOND

    def call_soon(  # type: ignore[override]  # typeshed types the arguments with a TypeVarTuple
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> SimHandle:
        """Append a callback to the cascade that is running."""
        if not self._tracking and not self._any_order:
            return self._append(SimHandle(callback, args, self, context, name.ROOT), self.target)
        owner = getattr(callback, "__self__", None)
        is_task = isinstance(owner, asyncio.Task)
        if is_task and self._tracking:
            key = owner.key if isinstance(owner, TrackedTask) else name.static("asyncio Task")
        elif self._tracking:
            key = recorder.fresh("handle")
            closure_keys(callback)
        else:
            key = name.ROOT
        process = self._process_of(key, is_task=is_task) if self._any_order else self.target
        return self._append(SimHandle(callback, args, self, context, key), process)

    def _append(self, handle: SimHandle, process: int) -> SimHandle:
        self._sequence = sequence = self._sequence + 1
        position = self.position
        self.queues.put(process, Item(_HANDLE, handle, position, sequence))
        if position is not None:
            self.children.append((process, _HANDLE))
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # there is one thread

    def _process_of(self, key: int, *, is_task: bool) -> int:
        """Return whose the next callback is, where every ready task step is a choice."""
        if is_task:
            return key
        # Plain callbacks keep their order, and so do those who schedule them.
        recorder.write(_CALLBACKS)
        return _CALLBACKS

    def call_later(  # type: ignore[override]  # typeshed types the arguments with a TypeVarTuple
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> SimTimerHandle:
        """Start a timer."""
        recorder.read(CLOCK)
        delay_ns = seconds_to_ns(delay)
        return self._timer(self._clock.now_ns + delay_ns, delay_ns, callback, args, context)

    def call_at(  # type: ignore[override]  # typeshed types the arguments with a TypeVarTuple
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> SimTimerHandle:
        """Start a timer at an absolute moment of virtual time."""
        recorder.read(CLOCK)
        when_ns = seconds_to_ns(when)
        return self._timer(when_ns, when_ns - self._clock.now_ns, callback, args, context, absolute=when)

    def _timer(
        self,
        when_ns: int,
        delay_ns: int,
        callback: Callable[..., object],
        args: Any,
        context: Context | None,
        *,
        absolute: float | None = None,
    ) -> SimTimerHandle:
        key = recorder.fresh("timer") if self._tracking else name.ROOT
        if self._tracking:
            closure_keys(callback)
        handle = SimTimerHandle(when_ns, callback, args, self, context, key)
        self._start_timer(handle, when_ns, delay_ns, absolute=absolute)
        return handle

    def _start_timer(
        self,
        handle: SimTimerHandle,
        when_ns: int,
        delay_ns: int,
        *,
        label: str = "",
        absolute: float | None = None,
        outside: bool = False,
    ) -> None:
        recorder.write(_TIMER_ORDER)
        self._timers += 1
        timer = self._timers
        twin = None
        if absolute is not None and self.position is not None:
            # One reading of the clock, one deadline: asyncio's heap keeps no order between equals.
            twin = self._deadlines.setdefault((recorder.process, recorder.step, absolute), timer)
        self.zone.start(timer, delay_ns, same_instant_as=twin if twin != timer else None)
        process = handle.key if self._tracking else -timer - 1
        if self._horizon_ns is not None and when_ns > self._horizon_ns:
            self.beyond_horizon += 1
            ready: Callable[[], bool] = _never
        else:
            ready = lambda: self.zone.may_fire(timer)  # noqa: E731 — a def here would read as something reusable
        item = Item(
            Kind.TIMER,
            handle,
            self.position,
            self._next_sequence(),
            label=label,
            ready=ready,
            timer=timer,
            own_cascade=outside,
            window=(max(delay_ns, 0),) * 2,
        )
        self._put(process, item)

    def note_timer_fired(self, timer: int | None) -> None:
        """Tell the zone that a timer's turn came; None if it knows already."""
        recorder.write(_TIMER_ORDER)
        if timer is not None:
            self.zone.fire(timer)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing: the ghost stays."""

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future."""
        return TrackedFuture(loop=self) if self._tracking else asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """Wrap a coroutine."""
        if self.abandoned:
            # Code that is being closed half-way starts its clean-up; nobody will run it.
            coro.close()
            raise asyncio.CancelledError
        factory = self.get_task_factory()
        if factory is not None:
            given = {key: value for key, value in options.items() if value is not None}
            return cast("asyncio.Task[Any]", factory(self, coro, **given))
        if not self._tracking:
            task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **options)
            self.adopt(task)
            return task
        return TrackedTask(coro, loop=self, **options)

    def set_task_factory(self, factory: Any) -> None:
        """Install a task factory; the eager one of asyncio is replaced by an eager one of tracked tasks."""
        if factory is not None and factory is getattr(asyncio, "eager_task_factory", None) and self._tracking:
            factory = asyncio.create_eager_task_factory(TrackedTask)  # type: ignore[attr-defined]  # from 3.12 on
        super().set_task_factory(factory)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Remember a task, to find exceptions that nobody saw and tasks that wait for ever."""
        self.tasks.append(task)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # typeshed uses a TypeVarTuple
        """Run ``func`` as a world event of its own and deliver its result as a thread would."""
        future = self.create_future()
        process = recorder.fresh("thread")
        label = getattr(func, "__qualname__", type(func).__qualname__)

        def deliver(outcome: Callable[[], None]) -> None:
            event = WorldEvent(process, Kind.DELIVER, f"{label} returns", outcome, arrival=Arrival.THREAD)
            self.offer(event)

        def execute() -> None:
            try:
                with in_a_thread():
                    result = func(*args)
            except Exception as error:
                problem = error
                deliver(lambda: None if future.done() else future.set_exception(problem))
            else:
                deliver(lambda: None if future.done() else future.set_result(result))

        self.offer(WorldEvent(process, Kind.EXECUTE, f"{label} in a thread", execute))
        return future

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        """Ask the simulated network."""
        return await self.network.connect(self, protocol_factory, host=host, port=port, **options)

    async def create_unix_connection(self, protocol_factory: Any, path: Any = None, **options: Any) -> Any:
        """Ask the simulated network."""
        return await self.network.connect(self, protocol_factory, path=path, **options)

    async def start_tls(self, transport: Any, protocol: Any, sslcontext: Any, **options: Any) -> Any:
        """Ask the simulated network: what is encrypted on its wires nobody would read."""
        return await self.network.start_tls(transport)

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """Refuse: a real look-up asks a thread and the world outside."""
        raise refused(
            f"the program resolves the name {host!r}: inside an execution there is no real network; "
            f"for a database, {declare('postgresql')}"
        )

    async def _make_subprocess_transport(self, *args: Any, **options: Any) -> NoReturn:
        raise refused("a subprocess starts inside an execution: hand the program a simulated one")

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]  # typeshed uses a TypeVarTuple
        """Accept and ignore: no signal arrives inside an execution."""

    def remove_signal_handler(self, sig: int) -> bool:
        """Accept and ignore."""
        return False

    def is_running(self) -> bool:
        """Say yes while a step runs."""
        return events._get_running_loop() is self

    def run_forever(self) -> NoReturn:
        """Refuse."""
        raise RuntimeError(f"{NO_SECOND_OPTION}: the explorer runs it, not run_forever()")

    def run_until_complete(self, future: Any) -> NoReturn:
        """Refuse."""
        raise RuntimeError(f"{NO_SECOND_OPTION}: await the coroutine instead of run_until_complete()")

    def _process_events(self, event_list: Any) -> None:
        """Nothing: there is no selector."""

    def _write_to_self(self) -> None:
        """Nothing: there is no selector to wake up."""

    # -- bookkeeping --------------------------------------------------------------------------------------

    def _put(self, process: int, item: Item) -> None:
        self.queues.put(process, item)
        if item.cause is not None:
            self.children.append((process, item.kind))

    def _next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    def enter(self) -> None:
        """Become the running loop, and take over async generators that start now."""
        events._set_running_loop(self)
        self._old_asyncgen_hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(*self._asyncgen_hooks)

    def leave(self) -> None:
        """Stop being the running loop."""
        sys.set_asyncgen_hooks(*self._old_asyncgen_hooks)
        events._set_running_loop(None)


_CALLBACKS = name.static("callbacks")
# Looked up once: reading a member of an enum costs as much as a call.
_HANDLE = Kind.HANDLE


def _never() -> bool:
    return False
