"""The outside world of a plain program: calls to an outside actor, streams from it, and choices of data."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from simharness.core import name
from simharness.core.agenda import Agenda, WorldEvent
from simharness.core.choice import ChoicePoint
from simharness.core.footprint import recorder
from simharness.core.step import Kind
from simharness.loop.guard import refused
from simharness.program.database import Database
from simharness.program.narration import note_answer, note_call, note_execution, note_frame, note_wait

T = TypeVar("T")

_current: ContextVar[World] = ContextVar("simharness_world")


class World:
    """What a program under exploration can ask of the outside.

    Args:
        agenda: where world events go.
        database: of this execution; None without one.
    """

    def __init__(self, agenda: Agenda, database: Database | None = None) -> None:
        self._agenda = agenda
        self._database = database
        self._calls: dict[str, _Channel] = {}
        self._streams: dict[str, Stream] = {}

    @property
    def database(self) -> Database:
        """The database of this exploration, put back to its start before each execution.

        Raises:
            Nondeterminism: the exploration was given none.
        """
        if self._database is None:
            raise refused(
                "the program asks for a database and was given none; say explore(…, database='sqlite') or 'postgresql'"
            )
        return self._database

    async def call(self, fn: Callable[[], T], *, channel: str | None = None) -> T:
        """Ask an outside actor to run ``fn`` and wait for its answer: two world events.

        Args:
            fn: what the actor does, atomically, with whatever state the actor has. An exception is the answer too.
            channel: calls of one channel are executed in the order in which they were made and answered in the order
                in which they were executed, like requests on one connection. None: this call is on its own.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        label = getattr(fn, "__qualname__", type(fn).__qualname__)
        if channel is None:
            lane = _Channel(recorder.fresh("call"), None)
        else:
            lane = self._calls.get(channel) or self._calls.setdefault(channel, _channel(channel))
        self._agenda.offer(lane.request(self._agenda, label, fn, future, note_call(label)))
        return await future

    def stream(self, channel: str) -> Stream:
        """Return the stream of that name; every ``push`` to it is one frame, delivered in order."""
        known = self._streams.get(channel)
        if known is None:
            known = self._streams[channel] = Stream(self._agenda, channel)
        return known

    def choose(self, options: Sequence[T], *, place: str = "choose", fault: bool = False) -> T:
        """Return one of the options; the explorer tries them all.

        Args:
            options: at least one; the first is the ordinary one.
            place: a name for timelines.
            fault: whether any option but the first costs one of the exploration's ``faults``.
        """
        point = ChoicePoint(place, tuple([repr(option) for option in options]), fault)
        return options[self._agenda.chooser.choose(point)]


class _Channel:
    """A pair of processes: requests in order, answers in order."""

    def __init__(self, requests: int, answers: int | None) -> None:
        self._requests = requests
        self._answers = answers

    def request(
        self, agenda: Agenda, label: str, fn: Callable[[], Any], future: asyncio.Future[Any], caller: str
    ) -> WorldEvent:
        answers = self._requests if self._answers is None else self._answers
        own_cascade = self._answers is not None

        def execute() -> None:
            note_execution(label)
            try:
                result = fn()
            except Exception as error:
                problem = error
                deliver(lambda: future.set_exception(problem))
            else:
                deliver(lambda: future.set_result(result))

        def deliver(resolve: Callable[[], None]) -> None:
            def arrive() -> None:
                note_answer(label, caller)
                if not future.done():
                    resolve()

            text = f"answer to {label}"
            agenda.offer(WorldEvent(answers, Kind.DELIVER, text, arrive, own_cascade=own_cascade, travels=True))

        return WorldEvent(self._requests, Kind.EXECUTE, label, execute, travels=True)


def _channel(channel: str) -> _Channel:
    return _Channel(name.static(f"channel {channel} requests"), name.static(f"channel {channel} answers"))


class Stream:
    """An ordered stream of frames from the outside; ``push`` at the actor, ``get`` in the program."""

    def __init__(self, agenda: Agenda, channel: str) -> None:
        self._agenda = agenda
        self._process = name.static(f"stream {channel}")
        self._key = name.static(f"stream {channel} arrived")
        self._label = f"frame of {channel}"
        self._arrived: deque[Any] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()

    def push(self, item: Any) -> None:
        """Send one frame; it is delivered after all earlier ones of this stream, at any later moment."""

        def arrive() -> None:
            note_frame(self._label, item)
            recorder.write(self._key)
            self._arrived.append(item)
            self._wake_one()

        self._agenda.offer(WorldEvent(self._process, Kind.DELIVER, self._label, arrive, own_cascade=True, travels=True))

    async def get(self) -> Any:
        """Return the next frame, waiting for it if none has arrived."""
        while True:
            recorder.write(self._key)
            if self._arrived:
                return self._arrived.popleft()
            note_wait(self._label)
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except BaseException:
                self._give_up(waiter)
                raise

    def _give_up(self, waiter: asyncio.Future[None]) -> None:
        recorder.write(self._key)
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif self._arrived and not waiter.cancelled():
            self._wake_one()

    def _wake_one(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


def current_world() -> World:
    """Return the world of the execution that is running.

    Raises:
        RuntimeError: no exploration is running.
    """
    try:
        return _current.get()
    except LookupError:
        raise RuntimeError("simharness.world() works only inside a program that simharness.explore runs") from None


def enter_world(world: World) -> None:
    """Make ``world`` the one that ``current_world`` returns in this context."""
    _current.set(world)
