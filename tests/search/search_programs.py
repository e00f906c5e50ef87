"""Small programs with known numbers of interleavings, for every test of a search."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from itertools import islice
from typing import Any

from simharness.core import name
from simharness.core.execution import Execution, Program
from simharness.core.footprint import recorder
from simharness.explore.strategy import Search
from simharness.program.execution import ProgramExecution
from simharness.program.world import current_world

Coroutines = Callable[[], Coroutine[Any, Any, Any]]


class Shared(dict[str, Any]):
    """A dict whose items report to the recorder."""

    def __getitem__(self, key: str) -> Any:
        recorder.read(name.static(f"shared {key}"))
        return super().__getitem__(key)

    def __setitem__(self, key: str, value: Any) -> None:
        recorder.write(name.static(f"shared {key}"))
        super().__setitem__(key, value)


def program(function: Coroutines, **options: Any) -> Program:
    """Return what an explorer takes."""
    return lambda: ProgramExecution(function, **options)


def one_at_a_time(start: Program) -> Program:
    """Return the same program, which refuses to start while an execution of it runs, as a database would."""
    running: list[Execution] = []

    def begin() -> Execution:
        assert not running, "there is one database, one heap, one running execution"
        execution = start()
        close = execution.close

        def end() -> None:
            close()
            running.clear()

        execution.close = end  # type: ignore[method-assign]  # the explorer calls it by name
        running.append(execution)
        return execution

    return begin


def first(search: Search, count: int) -> Iterator[Execution]:
    """Yield the first executions of a search."""
    return islice(search.executions(), count)


def bot_update(*, commit_first: bool) -> Coroutines:
    """Return the race that simharness was born from: the stream's handler reads before the endpoint commits."""

    async def update() -> Callable[[], str]:
        row = Shared(reason=None, status="ACTIVE")
        world = current_world()
        stream = world.stream("user")

        async def endpoint() -> None:
            async def commit() -> None:
                await world.call(lambda: row.__setitem__("reason", "UPDATE"))

            async def cancel() -> None:
                await world.call(lambda: stream.push("cancelled"))

            for step in (commit, cancel) if commit_first else (cancel, commit):
                await step()

        async def handler() -> None:
            await stream.get()
            if await world.call(lambda: row["reason"]) is None:
                await world.call(lambda: row.__setitem__("status", "STOPPED"))

        asyncio.create_task(endpoint())
        asyncio.create_task(handler())
        return lambda: dict.__getitem__(row, "status")

    return update


def accesses(*tasks: str) -> Coroutines:
    """Return a program in which each task makes the calls of its word: ``w`` writes the one key, ``r`` reads it."""

    async def run() -> Callable[[], Any]:
        log: list[tuple[int, int]] = []
        cell = Shared(x=0)
        world = current_world()

        def write() -> None:
            cell["x"] = 1

        async def task(number: int, word: str) -> None:
            for position, letter in enumerate(word):
                await world.call(write if letter == "w" else lambda: cell["x"])
                log.append((number, position))

        for number, word in enumerate(tasks):
            asyncio.create_task(task(number, word))
        return lambda: len(log)

    return run


async def spinning() -> int:
    """Wait for an answer in a busy loop."""
    cell = Shared(ready=False)
    spins = 0

    async def ask() -> None:
        cell["ready"] = await current_world().call(lambda: True)

    asking = asyncio.create_task(ask())
    while not cell["ready"]:
        spins += 1
        await asyncio.sleep(0)
    await asking
    return spins


async def asking() -> tuple[int, str]:
    """Ask for data twice: any number, and whether a fault strikes."""
    world = current_world()
    number = await world.call(lambda: world.choose(range(7), place="number"))
    fault = await world.call(lambda: world.choose(("none", "lost", "late"), place="reply", fault=True))
    return number, fault
