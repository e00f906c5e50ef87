"""Random asyncio programs, as data and as coroutines: what the differential tests feed to the explorer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from simharness.core import name
from simharness.core.footprint import recorder
from simharness.program.world import current_world

Operation = tuple[Any, ...]
Body = tuple[Operation, ...]

SIMPLE = (
    "set", "double", "conditional", "yield", "call", "call", "call", "push", "receive", "put", "get",
    "event set", "event wait", "cancel", "sleep", "choose", "notify", "channel call",
)  # fmt: skip
NESTED = ("lock", "semaphore", "condition wait", "spawn", "gather", "wait_for", "timeout", "wait", "group")


class Memory(dict[str, Any]):
    """A dict whose keys are tracked, reduced to what the programs use."""

    def __getitem__(self, key: str) -> Any:
        recorder.read(name.static(f"memory {key}"))
        return super().__getitem__(key)

    def __setitem__(self, key: str, value: Any) -> None:
        recorder.write(name.static(f"memory {key}"))
        super().__setitem__(key, value)


def generate(rng: random.Random) -> tuple[Body, ...]:
    """Return two or three task bodies."""
    tasks = rng.choice((2, 2, 2, 3))
    return tuple(_body(rng, 0, 3 if tasks == 2 else 2) for _ in range(tasks))


def _body(rng: random.Random, depth: int, budget: int) -> Body:
    operations: list[Operation] = []
    for _ in range(rng.randint(1, budget)):
        kind = rng.choice(SIMPLE + (NESTED if depth < 1 else ()))
        if kind in NESTED:
            bodies = tuple(_body(rng, depth + 1, 1) for _ in range(2 if kind in ("gather", "group") else 1))
            operations.append((kind, rng.choice("pq"), rng.choice((1, 2)), *bodies))
        else:
            operations.append((kind, rng.choice("xy"), rng.randint(1, 9)))
    return tuple(operations)


class Interpreter:
    """Runs the bodies; everything two tasks share is tracked or is a primitive of asyncio."""

    def __init__(self) -> None:
        self.memory = Memory()
        dict.update(self.memory, x=0, y=0, z=0)
        self.outside = Memory()
        dict.update(self.outside, x=0, y=0)
        self.locks = {key: asyncio.Lock() for key in "pq"}
        self.semaphores = {key: asyncio.Semaphore(1) for key in "pq"}
        self.conditions = {key: asyncio.Condition() for key in "pq"}
        self.events = {key: asyncio.Event() for key in "xy"}
        self.queues: dict[str, asyncio.Queue[str]] = {key: asyncio.Queue() for key in "xy"}
        self.main: list[asyncio.Task[None]] = []
        self.spawned: list[asyncio.Task[None]] = []

    def outcome(self) -> Any:
        """Return everything that can differ."""
        return tuple(sorted((key, repr(value)) for memory in (self.memory, self.outside) for key, value in memory.items()))

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
        self.memory[me] = await current_world().call(self._at_actor(key, writes=number % 2 == 1), channel="c")

    def _at_actor(self, key: str, *, writes: bool) -> Callable[[], int]:
        def act() -> int:
            if writes:
                self.outside[key] = self.outside[key] + 1
            return int(self.outside[key])

        return act

    async def _push(self, me: str, key: str, number: int) -> None:
        stream = current_world().stream("s")
        await current_world().call(lambda: stream.push(me))

    async def _receive(self, me: str, key: str, number: int) -> None:
        self.memory[me] = await current_world().stream("s").get()

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
