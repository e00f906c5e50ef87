"""Methods and functions that the program hands to others, who call them where no code is rewritten."""

from __future__ import annotations

import asyncio
import functools
import itertools
import operator
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import simharness
from simharness.explore.brute import every_execution
from simharness.program.setup import Setup
from simharness.program.stage import program_staged

Program = Callable[[], Coroutine[Any, Any, Any]]


class Row:
    def __init__(self) -> None:
        self.price = 0


class State:
    """Something of every kind that can be shared."""

    def __init__(self) -> None:
        self.prices = {"a": 0, "b": 1}
        self.seen: list[Any] = []
        self.open: set[str] = {"a"}
        self.row = Row()


def store_later(state: State) -> None:
    asyncio.get_running_loop().call_later(1, state.prices.__setitem__, "a", 2)


def store_soon(state: State) -> None:
    asyncio.get_running_loop().call_soon(functools.partial(state.prices.update, {"a": 2}))


def discard_when_done(state: State) -> None:
    future = asyncio.get_running_loop().create_future()
    future.add_done_callback(state.seen.append)
    future.set_result(None)


def set_by_name(state: State) -> None:
    asyncio.get_running_loop().call_later(1, setattr, state.row, "price", 2)


def set_through_a_variable(state: State) -> None:
    change = setattr
    change(state.row, "price", 2)


def map_into(state: State) -> None:
    list(map(state.prices.__setitem__, ["a"], [2]))


def store(state: State) -> None:
    state.prices["a"] = 2
    state.row.price = 2


def look(state: State) -> Any:
    return (state.prices["a"], len(state.seen), state.row.price)


def look_by_getter(state: State) -> Any:
    return operator.attrgetter("price")(state.row)


def look_by_name(state: State) -> Any:
    read = getattr
    return read(state.row, "price")


def look_at_the_highest(state: State) -> Any:
    return max(["a", "b"], key=state.prices.get)


def look_by_starmap(state: State) -> Any:
    return tuple(itertools.starmap(state.prices.get, [("a",)]))


def sort_by_getter(state: State) -> Any:
    first = Row()
    first.price = 1
    return tuple(each is first for each in sorted([state.row, first], key=operator.attrgetter("price")))


def between(write: Callable[[State], None], read: Callable[[State], Any]) -> Program:
    """Return a program in which a write meets a read."""

    async def program() -> Callable[[], Any]:
        state, found, world = State(), [], simharness.world()

        async def writer() -> None:
            await world.call(lambda: None)
            write(state)

        async def reader() -> None:
            await world.call(lambda: None)
            found.append(read(state))

        asyncio.create_task(writer())
        asyncio.create_task(reader())
        return lambda: tuple(found)

    return program


WRITES = (store_later, store_soon, discard_when_done, set_by_name, set_through_a_variable, map_into)
READS = (look_by_getter, look_by_name, look_at_the_highest, look_by_starmap, sort_by_getter)
PAIRS = [(write, look) for write in WRITES] + [(store, read) for read in READS]


@pytest.mark.parametrize(("write", "read"), PAIRS, ids=lambda function: function.__name__)
def test_what_is_called_by_others_reports(write: Callable[[State], None], read: Callable[[State], Any]) -> None:
    program = between(write, read)
    result = simharness.explore(program)
    with program_staged(Setup(program)) as stage:
        everything = {repr(execution.conclude()[0]) for execution in every_execution(stage.program)}
    assert {repr(outcome) for outcome in result.outcomes} == everything
    assert len(everything) == 2
    assert result.certificate.holes == ()


@pytest.mark.parametrize("call", ["call", "to_thread"])
def test_a_method_that_is_executed_outside_reports(call: str) -> None:
    async def program() -> Callable[[], Any]:
        state, found = State(), []

        async def writer() -> None:
            if call == "to_thread":
                await asyncio.to_thread(state.prices.update, a=2)
            else:
                await simharness.world().call(functools.partial(state.prices.update, a=2))

        async def reader() -> None:
            await simharness.world().call(lambda: None)
            found.append(state.prices["a"])

        asyncio.create_task(writer())
        asyncio.create_task(reader())
        return lambda: tuple(found)

    assert set(simharness.explore(program).outcomes) == {(0,), (2,)}


def test_a_stand_in_is_equal_to_its_method_and_speaks_for_it() -> None:
    async def program() -> tuple[Any, ...]:
        orders: list[int] = []
        future = asyncio.get_running_loop().create_future()
        future.add_done_callback(orders.append)
        removed = future.remove_done_callback(orders.append)
        append = orders.append
        append(1)
        return (
            removed,
            append.__name__,
            append == orders.append,
            len({append, orders.append}),
            orders[0],
            repr(append)[:9],
        )

    (outcome,) = simharness.explore(program).outcomes
    assert outcome == (1, "append", True, 1, 1, "<built-in")
