"""The programs of ``data/trace_counts.json`` as asyncio tasks: one shared access in each step, ``sleep(0)`` between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from random_programs import Memory

TaskBody = Callable[[], Coroutine[Any, Any, None]]
Tasks = Callable[[Memory, int], list[TaskBody]]


async def _step() -> None:
    await asyncio.sleep(0)


def _writes(memory: Memory, key: str, *values: int) -> TaskBody:
    async def body() -> None:
        for position, value in enumerate(values):
            if position:
                await _step()
            memory[key] = value

    return body


def _reads(memory: Memory, *keys: str) -> TaskBody:
    async def body() -> None:
        for position, key in enumerate(keys):
            if position:
                await _step()
            memory[key]

    return body


def _swap(memory: Memory, key: str, expected: int, value: int) -> bool:
    if memory[key] == expected:
        memory[key] = value
        return True
    return False


def readers(memory: Memory, n: int) -> list[TaskBody]:
    return [_writes(memory, "x", 1), *[_reads(memory, "x") for _ in range(n)]]


def lastzero(memory: Memory, n: int) -> list[TaskBody]:
    async def search() -> None:
        i = n
        while memory[f"a{i}"] != 0:
            i -= 1
            await _step()

    def fill(j: int) -> TaskBody:
        async def body() -> None:
            found = memory[f"a{j - 1}"]
            await _step()
            memory[f"a{j}"] = found + 1

        return body

    return [search, *[fill(j) for j in range(1, n + 1)]]


def indexer(memory: Memory, n: int) -> list[TaskBody]:
    def insert(t: int) -> TaskBody:
        async def body() -> None:
            for m in range(1, 5):
                w = m * 11 + t
                h = 7 * w % 128
                while not _swap(memory, f"table{h}", 0, w):
                    h = (h + 1) % 128
                    await _step()
                await _step()

        return body

    return [insert(t) for t in range(n)]


def filesystem(memory: Memory, n: int) -> list[TaskBody]:
    def allocate(t: int) -> TaskBody:
        async def body() -> None:
            i = t % 32
            if memory[f"inode{i}"] != 0:
                return
            b = 2 * t % 26
            while True:
                await _step()
                if memory[f"busy{b}"] == 0:
                    memory[f"busy{b}"] = 1
                    memory[f"inode{i}"] = b + 1
                    return
                b = (b + 1) % 26

        return body

    return [allocate(t) for t in range(n)]


def inc(memory: Memory, n: int) -> list[TaskBody]:
    def increment(i: int) -> TaskBody:
        async def body() -> None:
            r = memory["x"]
            await _step()
            memory["x"] = r + (1 << i)

        return body

    return [increment(i) for i in range(n)]


def ainc(memory: Memory, n: int) -> list[TaskBody]:
    async def body() -> None:
        memory["x"] = memory["x"] + 1

    return [body] * n


def binc(memory: Memory, n: int) -> list[TaskBody]:
    async def body() -> None:
        memory["x"] = memory["x"] + 1
        await _step()
        memory["y"] = memory["y"] + 1

    return [body] * n


def cas(memory: Memory, n: int) -> list[TaskBody]:
    def body(i: int) -> TaskBody:
        async def swap() -> None:
            _swap(memory, "x", 0, i + 1)

        return swap

    return [body(i) for i in range(n)]


def casw(memory: Memory, n: int) -> list[TaskBody]:
    def body(i: int) -> TaskBody:
        async def swap_and_write() -> None:
            _swap(memory, "x", 0, 1)
            await _step()
            memory["x"] = i + 3

        return swap_and_write

    return [body(i) for i in range(n)]


def n_writers(memory: Memory, n: int) -> list[TaskBody]:
    return [*[_writes(memory, "x", i) for i in range(n + 1)], _reads(memory, "x")]


def popl_optimal_example(memory: Memory, n: int) -> list[TaskBody]:
    async def r() -> None:
        if memory["y"] == 0:
            await _step()
            memory["z"] = 1

    async def s() -> None:
        if memory["z"] == 1:
            await _step()
            if memory["y"] == 0:
                await _step()
                memory["x"] = 2

    return [_writes(memory, "x", 1), _writes(memory, "y", 1), r, s]


def hairbrush_teeth(memory: Memory, n: int) -> list[TaskBody]:
    return [_writes(memory, "x", 1, 2, 3), *[_reads(memory, "x", "x", "x") for _ in range(2)]]


def depend_6(memory: Memory, n: int) -> list[TaskBody]:
    return [_reads(memory, "y", "z"), _reads(memory, "y"), _writes(memory, "z", 1), _writes(memory, "y", 1, 2)]


PROGRAMS: dict[str, Tasks] = {
    tasks.__name__: tasks
    for tasks in (
        readers, lastzero, indexer, filesystem, inc, ainc, binc, cas, casw, n_writers,
        popl_optimal_example, hairbrush_teeth, depend_6,
    )
}  # fmt: skip


class Cells(Memory):
    """A memory in which everything is 0 at the beginning."""

    def __missing__(self, key: str) -> int:
        return 0


def build(name: str, n: int, order: tuple[int, ...] | None = None) -> Callable[[], Coroutine[Any, Any, Any]]:
    """Return a program of the list with its tasks created in ``order``; nothing joins them."""

    async def program() -> Callable[[], Any]:
        memory = Cells()
        bodies = PROGRAMS[name](memory, n)
        loop = asyncio.get_running_loop()
        for position in order or range(len(bodies)):
            loop.create_task(bodies[position]())
        return lambda: tuple(sorted(memory.items()))

    return program


def size(name: str, n: int) -> int:
    """Return how many tasks a program has."""
    return len(PROGRAMS[name](Cells(), n))
