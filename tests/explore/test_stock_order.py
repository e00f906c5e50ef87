"""What stock asyncio guarantees is never reported in the other order; what it does not guarantee is always found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from random_programs import Memory

from simharness.explore.dpor import OptimalExplorer
from simharness.explore.reachable import realise
from simharness.loop.garbage import collected_between_executions
from simharness.loop.primitives import tracked_asyncio
from simharness.program.execution import ProgramExecution
from simharness.program.world import current_world

Log = list[Any]


@pytest.fixture(autouse=True)
def _tracked() -> Iterator[None]:
    with tracked_asyncio(), collected_between_executions():
        yield


def reachable_logs(body: Callable[[Callable[[Any], None]], Coroutine[Any, Any, None]]) -> set[tuple[Any, ...]]:
    """Return what the body can log on an unmodified loop."""

    async def program() -> Callable[[], Any]:
        memory = Memory(log=())

        def log(entry: Any) -> None:
            memory["log"] = (*memory["log"], entry)

        await body(log)
        return lambda: dict.__getitem__(memory, "log")

    explorer = OptimalExplorer(lambda: ProgramExecution(program))
    found = set()
    for execution in explorer.executions():
        outcome, findings = execution.conclude()
        assert not findings
        if realise(execution.steps).reachable:
            found.add(outcome)
    assert explorer.statistics.blocked == explorer.statistics.duplicates == 0
    return found


async def _say(log: Callable[[Any], None], entry: Any) -> None:
    log(entry)


def test_two_tasks_created_in_order_start_in_order() -> None:
    async def body(log: Callable[[Any], None]) -> None:
        await asyncio.gather(asyncio.create_task(_say(log, 1)), asyncio.create_task(_say(log, 2)))

    assert reachable_logs(body) == {(1, 2)}


def test_call_soon_keeps_its_order() -> None:
    async def body(log: Callable[[Any], None]) -> None:
        loop = asyncio.get_running_loop()
        await current_world().call(lambda: None)
        for number in range(3):
            loop.call_soon(log, number)
        await asyncio.sleep(0)

    assert reachable_logs(body) == {(0, 1, 2)}


def test_waiters_of_an_event_wake_in_order() -> None:
    async def body(log: Callable[[Any], None]) -> None:
        event = asyncio.Event()

        async def wait(me: int) -> None:
            await event.wait()
            log(me)

        async def fire() -> None:
            await current_world().call(lambda: None)
            event.set()

        await asyncio.gather(wait(1), wait(2), fire())

    assert reachable_logs(body) == {(1, 2)}


def test_sleep_zero_runs_in_lock_step() -> None:
    async def body(log: Callable[[Any], None]) -> None:
        async def walk(me: str) -> None:
            for number in range(2):
                log(f"{me}{number}")
                await asyncio.sleep(0)

        await asyncio.gather(walk("a"), walk("b"))

    assert reachable_logs(body) == {("a0", "b0", "a1", "b1")}


def test_a_lock_is_fair_to_who_waits_while_another_spins() -> None:
    async def body(log: Callable[[Any], None]) -> None:
        lock = asyncio.Lock()

        async def spin() -> None:
            for number in range(3):
                async with lock:
                    log(f"spin{number}")
                    await asyncio.sleep(0)

        async def once() -> None:
            async with lock:
                log("once")

        await asyncio.gather(spin(), once())

    assert reachable_logs(body) == {("spin0", "once", "spin1", "spin2")}


def test_frames_reach_a_protocol_in_order() -> None:
    async def body(log: Callable[[Any], None]) -> None:
        stream = current_world().stream("socket")
        stream.push("connected")
        stream.push("data")
        stream.push("closed")
        for _ in range(3):
            log(await stream.get())

    assert reachable_logs(body) == {("connected", "data", "closed")}


def test_the_timer_that_is_earlier_and_shorter_fires_first() -> None:
    async def body(log: Callable[[Any], None]) -> None:
        async def doze(seconds: int) -> None:
            await asyncio.sleep(seconds)
            log(seconds)

        await asyncio.gather(doze(1), doze(2))

    assert reachable_logs(body) == {(1, 2)}


def test_equal_deadlines_fire_in_both_orders() -> None:
    async def body(log: Callable[[Any], None]) -> None:
        loop = asyncio.get_running_loop()
        when = loop.time() + 1
        loop.call_at(when, log, "a")
        loop.call_at(when, log, "b")
        await asyncio.sleep(2)

    assert reachable_logs(body) == {("a", "b"), ("b", "a")}


def test_two_sleeps_of_three_seconds_never_end_before_one_of_five() -> None:
    async def body(log: Callable[[Any], None]) -> None:
        async def twice() -> None:
            await asyncio.sleep(3)
            await asyncio.sleep(3)
            log("six")

        async def once() -> None:
            await asyncio.sleep(5)
            log("five")

        # The five seconds begin first: between two starts any amount of time may pass.
        await asyncio.gather(once(), twice())

    assert reachable_logs(body) == {("five", "six")}


def test_fixed_sleeps_do_not_hide_a_race_between_calls() -> None:
    """Latency is free: a reply may take longer than any sleep of the program."""

    async def body(log: Callable[[Any], None]) -> None:
        async def late(me: str, seconds: int) -> None:
            await asyncio.sleep(seconds)
            await current_world().call(lambda: None)
            log(me)

        await asyncio.gather(late("early", 1), late("late", 3))

    assert reachable_logs(body) == {("early", "late"), ("late", "early")}


def test_replies_of_two_calls_arrive_in_both_orders() -> None:
    async def body(log: Callable[[Any], None]) -> None:
        async def ask(me: str) -> None:
            await current_world().call(lambda: None)
            log(me)

        await asyncio.gather(ask("a"), ask("b"))

    assert reachable_logs(body) == {("a", "b"), ("b", "a")}
