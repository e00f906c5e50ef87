"""What no order of events is to blame for is told as a warning: blocking calls, exceptions that were dropped."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

import simharness
from simharness.errors import Nondeterminism


async def boom() -> None:
    await simharness.world().call(lambda: None)
    raise ValueError("boom")


def warnings(result: simharness.Result) -> list[tuple[str, str]]:
    assert (result.verdict, result.violations) == ("proven", ())
    return [(each.kind, each.message) for each in result.warnings]


def test_a_blocking_call_is_told_with_its_place() -> None:
    async def program() -> None:
        time.sleep(1)

    ((kind, message),) = warnings(simharness.explore(program))
    assert kind == "blocking"
    assert message.startswith("test_explore_remarks.py:")
    assert message.endswith(": time.sleep(1) blocks the event loop; use asyncio.sleep")


def test_a_thread_may_sleep() -> None:
    async def program() -> None:
        await asyncio.to_thread(time.sleep, 1)

    assert warnings(simharness.explore(program)) == []


def test_an_exception_that_is_logged_and_dropped_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def program() -> None:
        try:
            await boom()
        except ValueError:
            logging.getLogger("bot").exception("it failed")

    found = warnings(simharness.explore(program))
    assert found == [("swallowed", "bot logs ValueError: boom (it failed)")]


def test_an_exception_that_gather_hands_out_as_a_value_is_told() -> None:
    async def program() -> None:
        await asyncio.gather(boom(), return_exceptions=True)

    found = warnings(simharness.explore(program))
    assert found == [("swallowed", "gather(return_exceptions=True) hands out ValueError: boom as a value")]


def test_a_clean_up_by_gather_is_not() -> None:
    async def program() -> None:
        task = asyncio.create_task(asyncio.sleep(10))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert warnings(simharness.explore(program)) == []


def test_what_cannot_be_simulated_is_no_violation_of_the_program() -> None:
    async def program() -> None:
        await asyncio.open_connection("example", 80)

    with pytest.raises(Nondeterminism, match="real network connection to example:80"):
        simharness.explore(program)


def test_chance_by_whatever_name_is_the_same_in_every_replay() -> None:
    import random
    import secrets

    async def program() -> tuple[object, ...]:
        own = random.Random()
        return own.random(), secrets.token_hex(4), random.SystemRandom().random(), random.expovariate(1), time.ctime()

    first, second = (list(simharness.explore(program).outcomes) for _ in range(2))
    assert first == second
    ((*_, told),) = first
    assert told == "Thu Jan  1 00:00:00 2026"
