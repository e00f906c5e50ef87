"""Executions and steps per second of our loop against stock asyncio running the same program in the same run."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Any

from benchmarks.race import Program, StockWorld, race
from simharness.core.footprint import recorder
from simharness.core.step import Kind
from simharness.explore.brute import every_execution
from simharness.loop.execution import LoopExecution
from simharness.loop.garbage import collected_between_executions
from simharness.loop.primitives import tracked_asyncio
from simharness.program.execution import ProgramExecution

REPEATS = 7


def mixture(rounds: int) -> Program:
    """Return a program of tasks that use what bots use: queues, locks, futures, sleep(0)."""

    async def program() -> int:
        queue: asyncio.Queue[int] = asyncio.Queue(4)
        lock = asyncio.Lock()
        total = 0

        async def produce() -> None:
            for number in range(rounds):
                await queue.put(number)

        async def consume() -> None:
            nonlocal total
            for _ in range(rounds):
                number = await queue.get()
                async with lock:
                    await asyncio.sleep(0)
                    total += number

        async def answer() -> None:
            loop = asyncio.get_running_loop()
            for _ in range(rounds):
                future = loop.create_future()
                loop.call_soon(future.set_result, None)
                await future

        await asyncio.gather(produce(), consume(), answer())
        return total

    return program


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts the callbacks that were scheduled: each becomes one step."""

    scheduled = 0

    def call_soon(self, *args: Any, **options: Any) -> Any:
        """Count, then schedule."""
        self.scheduled += 1
        return super().call_soon(*args, **options)


def stock_steps(program: Program) -> int:
    """Return how many callbacks a stock loop runs for ``program``."""
    loop = CountingLoop()
    try:
        loop.run_until_complete(settled(program))
        return loop.scheduled
    finally:
        loop.close()


async def settled(program: Program) -> Any:
    """Run a program and whatever it started until it is over."""
    result = await program()
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
    return result


def on_stock(program: Program) -> float:
    """Return the seconds that a stock loop needs for ``program``, the loop's own beginning and end left out."""
    loop = asyncio.new_event_loop()
    try:
        started = time.process_time()
        loop.run_until_complete(settled(program))
        return time.process_time() - started
    finally:
        loop.close()


def on_ours(program: Program, *, tracking: bool) -> tuple[float, int]:
    """Return the seconds and the steps that our loop needs in base order."""
    execution = LoopExecution(tracking=tracking, max_steps=10_000_000)
    execution.spawn(program())
    started = time.process_time()
    while enabled := execution.enabled():
        execution.step(enabled[0])
    elapsed = time.process_time() - started
    steps = sum(step.kind is Kind.HANDLE for step in execution.steps)
    execution.close()
    return elapsed, steps


def best(measure: Callable[[], float]) -> float:
    """Return the shortest of some measurements: whatever disturbs only makes them longer."""
    gc.collect()
    return min(measure() for _ in range(REPEATS))


def compare_long_program() -> None:
    """One long execution: what a step costs once everything is set up."""
    program = mixture(2_000)
    stock = best(lambda: on_stock(program)) / stock_steps(program)
    print(f"  long program, stock asyncio              {stock * 1e6:7.2f} µs a step")
    off = best(lambda: per_step(program, tracking=False))
    print(f"  long program, ours, footprints off       {off * 1e6:7.2f} µs a step   x{off / stock:.1f} of stock")
    with tracked_asyncio():
        on = best(lambda: per_step(program, tracking=True))
    print(f"  long program, ours, footprints on        {on * 1e6:7.2f} µs a step   x{on / stock:.1f} of stock")


def per_step(program: Program, *, tracking: bool) -> float:
    """Return the seconds that one step takes."""
    elapsed, steps = on_ours(program, tracking=tracking)
    return elapsed / steps


def compare_brute_force(symbols: int = 1, executions: int = 20_000) -> None:
    """Many short executions: brute force builds a loop for each, as a test suite on stock asyncio would."""
    program = race(symbols, world=StockWorld)
    rounds = 2_000
    steps = stock_steps(program)

    def whole_runs() -> float:
        started = time.process_time()
        for _ in range(rounds):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(settled(program))
            loop.close()
        return (time.process_time() - started) / rounds

    def steps_only() -> float:
        return sum(on_stock(program) for _ in range(rounds)) / rounds

    whole, running = min(whole_runs() for _ in range(3)), min(steps_only() for _ in range(3))
    print_race("stock asyncio, a loop each", whole, steps)
    print_race("stock asyncio, steps alone", running, steps)
    with collected_between_executions():
        seconds, done, ours = brute_rate(race(symbols), executions)
    print_race("ours, brute force", seconds / done, ours / done)
    per, alone, each = seconds / ours, running / steps, whole / steps
    print(f"  {'':40} x{per / each:.1f} of a loop each, x{per / alone:.1f} of steps alone")


def print_race(title: str, seconds: float, steps: float) -> None:
    """Print one line: what an execution of so many steps takes."""
    print(f"  {'race, ' + title:40} {1 / seconds:9,.0f} executions/s {seconds / steps * 1e6:7.2f} µs a step")


def brute_rate(program: Program, executions: int) -> tuple[float, int, int]:
    """Return seconds, executions and steps of brute force, repeated until there are enough executions."""
    done = steps = 0
    started = time.process_time()
    while done < executions:
        for execution in every_execution(lambda: ProgramExecution(program, tracking=False)):
            done += 1
            steps += len(execution.steps)
            if done >= executions:
                break
    return time.process_time() - started, done, steps


def main() -> None:
    """Print both comparisons."""
    assert not recorder.active
    compare_long_program()
    compare_brute_force()
