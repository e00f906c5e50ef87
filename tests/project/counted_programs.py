"""Prints traces, counts, outcomes, digests and tokens of some programs; ``test_interpreters`` compares the texts.

It needs nothing but the standard library: ``time_machine``, the one package that the loop wants, is replaced by a stub,
for no program here looks at the calendar.
"""

from __future__ import annotations

import asyncio
import sys
import types
from contextlib import nullcontext
from typing import Any

sys.path.insert(0, sys.argv[1])

try:
    import time_machine  # noqa: F401 — only asked whether it is there
except ImportError:
    stub: Any = types.ModuleType("time_machine")
    stub.travel = lambda *_, **__: nullcontext(types.SimpleNamespace())
    sys.modules["time_machine"] = stub

import simharness


async def _ask(name: str, log: list[str]) -> str:
    log.append(await simharness.world().call(lambda: name))
    return name


async def gather() -> Any:
    log: list[str] = []
    await asyncio.gather(*(_ask(name, log) for name in "abc"))
    return lambda: "".join(log)


async def as_completed() -> Any:
    log: list[str] = []
    return "".join([await each for each in asyncio.as_completed([_ask(name, log) for name in "ab"], timeout=5)])


async def group_with_timeout() -> Any:
    log: list[str] = []
    try:
        async with asyncio.timeout(1), asyncio.TaskGroup() as group:
            for name in "ab":
                group.create_task(_ask(name, log))
    except TimeoutError:
        log.append("timeout")
    return "".join(log)


async def wait_for() -> Any:
    try:
        return await asyncio.wait_for(_ask("a", []), 1)
    except TimeoutError:
        return "timeout"


async def locks_and_conditions() -> Any:
    log: list[str] = []
    condition, queue = asyncio.Condition(), asyncio.Queue[str](1)

    async def consume() -> None:
        log.append(await queue.get())
        async with condition:
            condition.notify_all()

    async def produce() -> None:
        await _ask("a", log)
        async with condition:
            await queue.put("item")
            await condition.wait()

    asyncio.create_task(consume())
    asyncio.create_task(produce())
    return lambda: "".join(log)


async def barrier_and_semaphore() -> Any:
    log: list[str] = []
    barrier, semaphore = asyncio.Barrier(2), asyncio.Semaphore(1)

    async def meet(name: str) -> None:
        async with semaphore:
            await _ask(name, log)
        log.append(str(await barrier.wait()))

    asyncio.create_task(meet("a"))
    asyncio.create_task(meet("b"))
    return lambda: "".join(log)


async def heap() -> Any:
    orders: dict[str, int] = {"a": 0}
    total = 0

    async def change(step: int) -> None:
        nonlocal total
        await simharness.world().call(lambda: None)
        orders["a"] = orders["a"] + step
        total += sum(value for value in orders.values())

    for step in (1, 2):
        asyncio.create_task(change(step))
    return lambda: (tuple(orders.items()), total)


async def async_generator() -> Any:
    log: list[str] = []

    async def items() -> Any:
        for name in "ab":
            yield await _ask(name, log)

    async def read() -> None:
        log.extend([item async for item in items()])

    asyncio.create_task(read())
    asyncio.create_task(_ask("c", log))
    return lambda: "".join(log)


PROGRAMS = (gather, group_with_timeout, locks_and_conditions, barrier_and_semaphore, heap, async_generator)
# Written anew in 3.12 and 3.13: other steps, so other interleavings, of the same outcomes.
REWRITTEN = (wait_for, as_completed)


def nothing(outcome: Any) -> bool:
    """Refuse every outcome, so that there are tokens."""
    return outcome is None


def main() -> None:
    """Write some lines for every program."""
    lines = []
    for program in PROGRAMS:
        result = simharness.explore(program, check=nothing, executions=400)
        counts = (result.executions, result.traces, result.blocked, result.duplicates)
        outcomes = sorted(result.outcomes.items(), key=repr)
        lines.append(f"{program.__name__} {result.verdict} {counts} {result.certificate.traces_digest} {outcomes}")
        for violation in (*result.violations, *result.warnings):
            digest = simharness.replay(program, violation.token, check=nothing).digest
            lines.append(f"  {violation.kind} {violation.message} {violation.token} {digest}")
    for program in REWRITTEN:
        result = simharness.explore(program)
        lines.append(f"{program.__name__} {result.verdict} {sorted(result.outcomes, key=repr)}")
    sys.stdout.write("\n".join(lines) + "\n")


main()
