"""Runs random programs: one method for each operation that a program can contain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from simharness.core import name
from simharness.core.footprint import recorder
from simharness.instrument.shared import SharedDict, shared
from simharness.program.world import current_world

Operation = tuple[Any, ...]
Body = tuple[Operation, ...]


class Memory(dict[str, Any]):
    """A dict whose keys are tracked, reduced to what the programs use.

    Args:
        owner: whose it is, if there are several.
        values: what it holds at the beginning.
    """

    def __init__(self, owner: str = "", **values: Any) -> None:
        super().__init__(**values)
        self._name = f"memory{owner}"

    def __getitem__(self, key: str) -> Any:
        recorder.read(name.static(f"{self._name} {key}"))
        return super().__getitem__(key)

    def __setitem__(self, key: str, value: Any) -> None:
        recorder.write(name.static(f"{self._name} {key}"))
        super().__setitem__(key, value)


PRIMITIVES: dict[str, Callable[[], Any]] = {
    "locks": lambda: {key: asyncio.Lock() for key in "pq"},
    "semaphores": lambda: {key: asyncio.Semaphore(1) for key in "pq"},
    "conditions": lambda: {key: asyncio.Condition() for key in "pq"},
    "events": lambda: {key: asyncio.Event() for key in "xy"},
    "queues": lambda: {key: asyncio.Queue() for key in "xy"},
    "bounded": lambda: {key: asyncio.Queue(1) for key in "xy"},
    "priorities": lambda: asyncio.PriorityQueue(),
    "barrier": lambda: asyncio.Barrier(2),
    "board": lambda: shared({"x": 0}),
}


class Interpreter:
    """Runs the bodies; everything two tasks share is tracked or is a primitive of asyncio.

    Args:
        name: tells the memory and the channels of several interpreters apart.
        needed: which of ``PRIMITIVES`` the bodies use.
    """

    locks: dict[str, asyncio.Lock]
    semaphores: dict[str, asyncio.Semaphore]
    conditions: dict[str, asyncio.Condition]
    events: dict[str, asyncio.Event]
    queues: dict[str, asyncio.Queue[str]]
    bounded: dict[str, asyncio.Queue[str]]
    priorities: asyncio.PriorityQueue[tuple[int, str]]
    barrier: asyncio.Barrier
    board: SharedDict

    def __init__(self, name: str = "", needed: Iterable[str] = tuple(PRIMITIVES)) -> None:
        self.name = name
        self.memory = Memory(name)
        dict.update(self.memory, x=0, y=0, z=0)
        self.outside = Memory(f"{name} outside" if name else "")
        dict.update(self.outside, x=0, y=0)
        # Before the tasks, so that their names do not depend on who needs them first; and no more than they need:
        # making them all would be a quarter of the whole work.
        for title, make in PRIMITIVES.items():
            if title in needed:
                setattr(self, title, make())
        self.main: list[asyncio.Task[None]] = []
        self.spawned: list[asyncio.Task[None]] = []

    def outcome(self) -> Any:
        """Return everything that can differ."""
        return tuple(
            sorted((key, repr(value)) for memory in (self.memory, self.outside) for key, value in memory.items())
        )

    async def run(self, body: Body, me: str) -> None:
        """Run one body."""
        for position, (kind, *details) in enumerate(body):
            method = getattr(self, "_" + kind.replace(" ", "_"))
            await method(f"{me}{position}", *details)

    async def _set(self, me: str, key: str, number: int) -> None:
        self.memory[key] = number

    async def _double(self, me: str, key: str, number: int) -> None:
        self.memory[key] = self.memory[key] * 2 + number

    async def _conditional(self, me: str, key: str, number: int) -> None:
        if self.memory[key] > 3:
            self.memory["z"] = number
        else:
            self.memory[key] = number + 3

    async def _yield(self, me: str, key: str, number: int) -> None:
        await asyncio.sleep(0)

    async def _sleep(self, me: str, key: str, number: int) -> None:
        await asyncio.sleep(1 + number % 2)

    async def _call(self, me: str, key: str, number: int) -> None:
        self.memory[me] = await current_world().call(self._at_actor(key, writes=number % 2 == 1))

    async def _channel_call(self, me: str, key: str, number: int) -> None:
        self.memory[me] = await current_world().call(
            self._at_actor(key, writes=number % 2 == 1), channel=f"c{self.name}"
        )

    def _at_actor(self, key: str, *, writes: bool) -> Callable[[], int]:
        def act() -> int:
            if writes:
                self.outside[key] = self.outside[key] + 1
            return int(self.outside[key])

        return act

    async def _push(self, me: str, key: str, number: int) -> None:
        stream = current_world().stream(f"s{self.name}")
        await current_world().call(lambda: stream.push(me))

    async def _receive(self, me: str, key: str, number: int) -> None:
        self.memory[me] = await current_world().stream(f"s{self.name}").get()

    async def _choose(self, me: str, key: str, number: int) -> None:
        self.memory[key] = current_world().choose((0, 5), place=me, fault=number % 2 == 1)

    async def _post(self, me: str, key: str, number: int) -> None:
        """Add, change or drop an entry of a tracked dict."""
        if number > 7:
            self.board.pop(key, None)
        else:
            self.board[key] = number

    async def _browse(self, me: str, key: str, number: int) -> None:
        """Look at a tracked dict: one entry, whether there is one, all of them, or a copy."""
        looks = (lambda: self.board.get(key), lambda: key in self.board, lambda: list(self.board.items()))
        self.memory[me] = repr(looks[number % 3]() if number < 7 else {**self.board})

    async def _put(self, me: str, key: str, number: int) -> None:
        self.queues[key].put_nowait(me)

    async def _get(self, me: str, key: str, number: int) -> None:
        self.memory[me] = await self.queues[key].get()

    async def _event_set(self, me: str, key: str, number: int) -> None:
        self.events[key].set()

    async def _event_wait(self, me: str, key: str, number: int) -> None:
        await self.events[key].wait()

    async def _cancel(self, me: str, key: str, number: int) -> None:
        self.main["xy".index(key)].cancel()

    async def _notify(self, me: str, key: str, number: int) -> None:
        condition = self.conditions["pq"["xy".index(key)]]
        async with condition:
            condition.notify()

    async def _condition_wait(self, me: str, key: str, number: int, body: Body) -> None:
        async with self.conditions[key]:
            await self.conditions[key].wait()
            await self.run(body, me)

    async def _notify_all(self, me: str, key: str, number: int) -> None:
        condition = self.conditions["pq"["xy".index(key)]]
        async with condition:
            self.memory[key] = number
            condition.notify_all()

    async def _condition_wait_for(self, me: str, key: str, number: int, body: Body) -> None:
        async with self.conditions[key]:
            await self.conditions[key].wait_for(lambda: self.memory["x"] > number)
            await self.run(body, me)

    async def _event_clear(self, me: str, key: str, number: int) -> None:
        self.events[key].clear()

    async def _bounded_put(self, me: str, key: str, number: int) -> None:
        await self.bounded[key].put(me)

    async def _bounded_get(self, me: str, key: str, number: int) -> None:
        self.memory[me] = await self.bounded[key].get()

    async def _priority_put(self, me: str, key: str, number: int) -> None:
        self.priorities.put_nowait((number, me))

    async def _priority_get(self, me: str, key: str, number: int) -> None:
        self.memory[me] = await self.priorities.get()

    async def _task_done(self, me: str, key: str, number: int) -> None:
        self.queues[key].task_done()

    async def _join(self, me: str, key: str, number: int) -> None:
        await self.queues[key].join()

    async def _barrier(self, me: str, key: str, number: int) -> None:
        self.memory[me] = await self.barrier.wait()

    async def _fail(self, me: str, key: str, number: int) -> None:
        raise ValueError(me)

    async def _thread(self, me: str, key: str, number: int) -> None:
        self.memory[me] = await asyncio.to_thread(self._at_actor(key, writes=number % 2 == 1))

    async def _call_soon(self, me: str, key: str, number: int) -> None:
        asyncio.get_running_loop().call_soon(self.memory.__setitem__, key, number)

    async def _call_later(self, me: str, key: str, number: int) -> None:
        asyncio.get_running_loop().call_later(1 + number % 2, self.memory.__setitem__, key, number)

    async def _call_at(self, me: str, key: str, number: int) -> None:
        loop = asyncio.get_running_loop()
        when = loop.time() + 1
        handle = loop.call_at(when, self.memory.__setitem__, key, number)
        loop.call_at(when, self.memory.__setitem__, key, number + 1)
        if number % 3 == 0:
            handle.cancel()

    async def _clock(self, me: str, key: str, number: int) -> None:
        self.memory[me] = asyncio.get_running_loop().time()

    async def _look(self, me: str, key: str, number: int) -> None:
        self.memory[me] = self.main["xy".index(key)].done()

    async def _await_main(self, me: str, key: str, number: int) -> None:
        await asyncio.wait([self.main["xy".index(key)]], timeout=number)

    async def _locked(self, me: str, key: str, number: int) -> None:
        self.memory[me] = self.locks["pq"["xy".index(key)]].locked()

    async def _chance(self, me: str, key: str, number: int) -> None:
        if await current_world().call(self._at_actor(key, writes=False)) == 0:
            self.memory[key] = current_world().choose((number, 0, 7), place=me)

    async def _choose_fault(self, me: str, key: str, number: int) -> None:
        if current_world().choose((False, True), place=me, fault=True):
            self.memory[key] = number

    async def _lock(self, me: str, key: str, number: int, body: Body) -> None:
        async with self.locks[key]:
            await self.run(body, me)

    async def _semaphore(self, me: str, key: str, number: int, body: Body) -> None:
        async with self.semaphores[key]:
            await self.run(body, me)

    async def _spawn(self, me: str, key: str, number: int, body: Body) -> None:
        self.spawned.append(asyncio.create_task(self.run(body, me)))

    async def _gather(self, me: str, key: str, number: int, first: Body, second: Body) -> None:
        await asyncio.gather(self.run(first, me + "a"), self.run(second, me + "b"))

    async def _group(self, me: str, key: str, number: int, first: Body, second: Body) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.run(first, me + "a"))
            group.create_task(self.run(second, me + "b"))

    async def _wait_for(self, me: str, key: str, number: int, body: Body) -> None:
        try:
            await asyncio.wait_for(self.run(body, me), number)
        except TimeoutError:
            self.memory[me] = "timeout"

    async def _timeout(self, me: str, key: str, number: int, body: Body) -> None:
        try:
            async with asyncio.timeout(number):
                await self.run(body, me)
        except TimeoutError:
            self.memory[me] = "timeout"

    async def _wait(self, me: str, key: str, number: int, body: Body) -> None:
        task = asyncio.create_task(self.run(body, me))
        self.spawned.append(task)
        done, _ = await asyncio.wait([task], timeout=number)
        self.memory[me] = len(done)

    async def _shield(self, me: str, key: str, number: int, body: Body) -> None:
        await asyncio.shield(self.run(body, me))

    async def _as_completed(self, me: str, key: str, number: int, first: Body, second: Body) -> None:
        bodies = [self._named(first, me + "a"), self._named(second, me + "b")]
        self.memory[me] = [await each for each in asyncio.as_completed(bodies, timeout=number)]

    async def _named(self, body: Body, me: str) -> str:
        await self.run(body, me)
        return me

    async def _first_completed(self, me: str, key: str, number: int, first: Body, second: Body) -> None:
        named = [
            asyncio.create_task(self._named(body, me + part)) for part, body in zip("ab", (first, second), strict=True)
        ]
        done, pending = await asyncio.wait(named, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        self.memory[me] = sorted(task.result() for task in done)

    async def _reschedule(self, me: str, key: str, number: int, body: Body) -> None:
        try:
            async with asyncio.timeout(3) as deadline:
                await asyncio.sleep(0)
                deadline.reschedule(asyncio.get_running_loop().time() + number)
                async with asyncio.timeout(2):
                    await self.run(body, me)
        except TimeoutError:
            self.memory[me] = deadline.expired()

    async def _generator(self, me: str, key: str, number: int, body: Body) -> None:
        async def items() -> AsyncIterator[int]:
            try:
                for item in range(2):
                    yield item
                    await self.run(body, f"{me}{item}")
            finally:
                self.memory["x"] = number

        async for item in items():
            self.memory[me] = item

    async def _catch(self, me: str, key: str, number: int, body: Body) -> None:
        try:
            await self.run(body, me)
        except asyncio.CancelledError:
            self.memory["z"] = me
            raise
        finally:
            await asyncio.sleep(0)

    async def _guarded(self, me: str, key: str, number: int, first: Body, second: Body) -> None:
        """Run a group whose first child waits for the other's end and whose failures are counted."""
        try:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(self.run(first, me + "a"))
                group.create_task(self.run(second, me + "b"))
                await asyncio.sleep(0)
                if number == 1:
                    task.cancel()
        except* (ValueError, asyncio.BrokenBarrierError) as failures:
            self.memory[me] = len(failures.exceptions)
