"""Exactly the published numbers of interleavings: none missing, none twice, none given up."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import random
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from published_programs import build, size
from random_programs import Memory

from simharness.explore.dpor import OptimalExplorer
from simharness.explore.statistics import Statistics
from simharness.loop.execution import Semantics
from simharness.loop.garbage import collected_between_executions
from simharness.loop.primitives import tracked_asyncio
from simharness.program.execution import ProgramExecution, ProgramFunction
from simharness.program.world import current_world

DATA = json.loads((Path(__file__).parents[1] / "data" / "trace_counts.json").read_text())
# From here on a count takes more than a few seconds.
SLOW = {("indexer", "15"), ("lastzero", "8"), ("lastzero", "10")}
ORDERS_BEYOND_FOUR_TASKS = 3


@pytest.fixture(autouse=True)
def _tracked() -> Iterator[None]:
    with tracked_asyncio(), collected_between_executions():
        yield


def count(program: ProgramFunction, semantics: Semantics) -> Statistics:
    explorer = OptimalExplorer(lambda: ProgramExecution(program, semantics=semantics))
    for _ in explorer.executions():
        pass
    return explorer.statistics


def assert_exactly(expected: int, statistics: Statistics) -> None:
    found = (statistics.executions, statistics.traces, statistics.duplicates, statistics.blocked)
    assert found == (expected, expected, 0, 0)


def published() -> list[Any]:
    return [
        pytest.param(
            program["name"],
            0 if n == "-" else int(n),
            expected,
            id=f"{program['name']}-{n}",
            marks=[pytest.mark.slow] if (program["name"], n) in SLOW else [],
        )
        for program in DATA["programs"]
        for n, expected in program["counts"].items()
    ]


@pytest.mark.parametrize(("name", "n", "expected"), published())
def test_a_published_program_has_exactly_its_number_of_executions(name: str, n: int, expected: int) -> None:
    """Executions, traces and the literature agree."""
    assert_exactly(expected, count(build(name, n), Semantics.ANY_ORDER))


def orders(tasks: int) -> list[tuple[int, ...]]:
    """All orders of up to four tasks, a few of more."""
    if tasks <= 4:
        return list(itertools.permutations(range(tasks)))
    chance = random.Random(tasks)
    return [tuple(chance.sample(range(tasks), tasks)) for _ in range(ORDERS_BEYOND_FOUR_TASKS)]


@pytest.mark.parametrize(
    ("name", "n", "expected"), [each for each in published() if each.values[2] <= 720 and not each.marks]
)
def test_the_count_does_not_depend_on_the_order_in_which_tasks_are_created(name: str, n: int, expected: int) -> None:
    """The order of exploration differs, the number of interleavings does not."""
    for order in orders(size(name, n)):
        assert_exactly(expected, count(build(name, n, order), Semantics.ANY_ORDER))


Program = Callable[[], Coroutine[Any, Any, None]]


def stream_against_replies(m: int, n: int, *, same_order: bool) -> Program:
    """m frames of one stream and n replies; handlers touch one order, or one each."""

    async def program() -> None:
        memory = Memory()
        world = current_world()
        stream = world.stream("user")

        async def listen() -> None:
            for _ in range(m):
                await stream.get()
                memory["order"] = "frame"

        async def ask(me: int) -> None:
            await world.call(lambda: None)
            memory["order" if same_order else f"order {me}"] = "reply"

        for _ in range(m):
            stream.push("frame")
        asyncio.create_task(listen())
        for me in range(n):
            asyncio.create_task(ask(me))

    return program


@pytest.mark.parametrize(("m", "n"), [(0, 3), (1, 2), (2, 2), (3, 1), (0, 4)])
def test_replies_on_different_orders_are_one_interleaving_per_order_of_the_stream(m: int, n: int) -> None:
    """Handlers that share nothing do not multiply."""
    alone = count(stream_against_replies(m, 0, same_order=False), Semantics.STOCK)
    assert_exactly(alone.executions, count(stream_against_replies(m, n, same_order=False), Semantics.STOCK))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_n_replies_on_one_order_have_n_factorial_interleavings(n: int) -> None:
    """(m+n)!/m! with an empty stream."""
    assert_exactly(math.factorial(n), count(stream_against_replies(0, n, same_order=True), Semantics.STOCK))


def frames_against_replies(m: int, n: int, *, same_order: bool) -> Program:
    """As above, with what arrives touching the order itself, in the delivery."""

    async def program() -> None:
        memory = Memory()
        world = current_world()

        def touch(key: str) -> Callable[[], None]:
            return lambda: memory.__setitem__(key, 1)

        async def frames() -> None:
            for _ in range(m):
                await world.call(touch("order"), channel="user")

        async def reply(me: int) -> None:
            await world.call(touch("order" if same_order else f"order {me}"))

        asyncio.create_task(frames())
        for me in range(n):
            asyncio.create_task(reply(me))

    return program


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (2, 3)])
def test_an_ordered_stream_against_replies_has_the_closed_form(m: int, n: int) -> None:
    """(m+n)!/m!: all orders in which the m keep theirs."""
    expected = math.factorial(m + n) // math.factorial(m)
    assert_exactly(expected, count(frames_against_replies(m, n, same_order=True), Semantics.STOCK))


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 2), (3, 4)])
def test_an_ordered_stream_against_replies_on_other_orders_is_one_interleaving(m: int, n: int) -> None:
    """Nothing is shared, so nothing is reordered."""
    assert_exactly(1, count(frames_against_replies(m, n, same_order=False), Semantics.STOCK))


def steps_on_one_key(n: int, k: int) -> Program:
    async def program() -> None:
        memory = Memory()

        async def body() -> None:
            for step in range(k):
                if step:
                    await asyncio.sleep(0)
                memory["x"] = step

        for _ in range(n):
            asyncio.create_task(body())

    return program


@pytest.mark.parametrize(("n", "k"), [(2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (4, 1)])
def test_tasks_of_k_steps_on_one_key_have_the_closed_form(n: int, k: int) -> None:
    """(nk)!/(k!)^n."""
    expected = math.factorial(n * k) // math.factorial(k) ** n
    assert_exactly(expected, count(steps_on_one_key(n, k), Semantics.ANY_ORDER))


def writers_and_readers(a: int, r: int) -> Program:
    async def program() -> None:
        memory = Memory(x=0)

        async def write(me: int) -> None:
            memory["x"] = me

        async def read() -> None:
            memory["x"]

        for me in range(a):
            asyncio.create_task(write(me))
        for _ in range(r):
            asyncio.create_task(read())

    return program


@pytest.mark.parametrize(("a", "r"), [(1, 1), (1, 4), (2, 2), (3, 2), (3, 3), (4, 1)])
def test_writers_and_one_step_readers_have_the_closed_form(a: int, r: int) -> None:
    """a!·(a+1)^r."""
    assert_exactly(math.factorial(a) * (a + 1) ** r, count(writers_and_readers(a, r), Semantics.ANY_ORDER))
