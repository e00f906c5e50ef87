"""Random asyncio programs, as data and as coroutines: what the differential tests feed to the explorer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from simharness.core import name
from simharness.core.footprint import recorder
from simharness.program.world import current_world

Operation = tuple[Any, ...]
Body = tuple[Operation, ...]

SIMPLE = (
    "set", "double", "conditional", "yield", "call", "call", "call", "push", "receive", "put", "get",
    "event set", "event wait", "event clear", "cancel", "sleep", "choose", "notify", "notify all", "channel call",
    "bounded put", "bounded get", "priority put", "priority get", "task done", "join", "barrier", "fail", "thread",
    "call soon", "call later", "call at", "clock", "look", "locked", "chance", "await main", "choose fault",
)  # fmt: skip
NESTED = (
    "lock", "semaphore", "condition wait", "condition wait_for", "spawn", "gather", "wait_for", "timeout", "wait",
    "group", "shield", "as_completed", "first completed", "reschedule", "generator", "catch", "guarded",
)  # fmt: skip
PAIRED = ("gather", "group", "as_completed", "first completed", "guarded")


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


def generate(rng: random.Random, *, budget: int = 3, depth: int = 1) -> tuple[Body, ...]:
    """Return two or three task bodies.

    Args:
        rng: decides everything.
        budget: operations in each of two tasks, at most; one less in each of three.
        depth: how deep bodies are nested.
    """
    tasks = rng.choice((2, 2, 2, 3))
    return tuple(_body(rng, depth, budget if tasks == 2 else max(budget - 1, 1)) for _ in range(tasks))


def _body(rng: random.Random, depth: int, budget: int) -> Body:
    operations: list[Operation] = []
    for _ in range(rng.randint(1, budget)):
        kind = rng.choice(SIMPLE + (NESTED if depth else ()))
        if kind in NESTED:
            bodies = tuple(_body(rng, depth - 1, 1) for _ in range(2 if kind in PAIRED else 1))
            operations.append((kind, rng.choice("pq"), rng.choice((1, 2)), *bodies))
        else:
            operations.append((kind, rng.choice("xy"), rng.randint(1, 9)))
    return tuple(operations)


class Interpreter:
    """Runs the bodies; everything two tasks share is tracked or is a primitive of asyncio.

    Args:
        name: tells the memory and the channels of several interpreters apart.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.memory = Memory(name)
        dict.update(self.memory, x=0, y=0, z=0)
        self.outside = Memory(f"{name} outside" if name else "")
        dict.update(self.outside, x=0, y=0)
        self.locks = {key: asyncio.Lock() for key in "pq"}
        self.semaphores = {key: asyncio.Semaphore(1) for key in "pq"}
        self.conditions = {key: asyncio.Condition() for key in "pq"}
        self.events = {key: asyncio.Event() for key in "xy"}
        self.queues: dict[str, asyncio.Queue[str]] = {key: asyncio.Queue() for key in "xy"}
        self.bounded: dict[str, asyncio.Queue[str]] = {key: asyncio.Queue(1) for key in "xy"}
        self.priorities: asyncio.PriorityQueue[tuple[int, str]] = asyncio.PriorityQueue()
        self.barrier = asyncio.Barrier(2)
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


def build(bodies: tuple[Body, ...]) -> Callable[[], Coroutine[Any, Any, Callable[[], Any]]]:
    """Return the program: a coroutine function for the explorer."""

    async def program() -> Callable[[], Any]:
        interpreter = Interpreter()
        for number, body in enumerate(bodies):
            interpreter.main.append(asyncio.create_task(interpreter.run(body, "abc"[number])))
        results = await asyncio.gather(*interpreter.main, return_exceptions=True)
        interpreter.memory["results"] = tuple(type(result).__name__ for result in results)
        return interpreter.outcome

    return program
