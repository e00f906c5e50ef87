"""Objects whose code is not rewritten, and what they do to objects of the program."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import operator
from collections.abc import Callable
from typing import Any

import pytest

import simharness
from simharness.explore.brute import every_execution
from simharness.program.setup import Setup
from simharness.program.stage import program_staged


@dataclasses.dataclass
class Order:
    price: int = 0
    fills: list[int] = dataclasses.field(default_factory=list)


def chain_map_reads(state: dict[str, int]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    both = collections.ChainMap({}, state)
    return lambda: state.update(x=2), lambda: both["x"]


def chain_map_writes(state: dict[str, int]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    both = collections.ChainMap(state)
    return lambda: both.update(x=2), lambda: state["x"]


def methodcaller_writes(state: dict[str, int]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    return lambda: operator.methodcaller("update", x=2)(state), lambda: state["x"]


def the_text_of_an_exception(state: dict[str, int]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    error = ValueError("before")

    def change() -> None:
        error.args = ("after",)

    return change, lambda: str(error)


def a_dataclass_is_compared(state: dict[str, int]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    order = Order()
    return lambda: setattr(order, "price", 2), lambda: order == Order(2)


def a_dataclass_is_printed(state: dict[str, int]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    order = Order()
    return lambda: order.fills.append(1), lambda: f"{order}"


CASES = (
    *(chain_map_reads, chain_map_writes, methodcaller_writes, the_text_of_an_exception),
    *(a_dataclass_is_compared, a_dataclass_is_printed),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_no_outcome_is_missed_and_nothing_makes_every_step_opaque(case: Callable[..., Any]) -> None:
    async def program() -> Callable[[], Any]:
        write, read = case({"x": 0})
        found: list[Any] = []

        async def writer() -> None:
            await simharness.world().call(lambda: None)
            write()

        async def reader() -> None:
            await simharness.world().call(lambda: None)
            found.append(read())

        asyncio.create_task(writer())
        asyncio.create_task(reader())
        return lambda: tuple(found)

    result = simharness.explore(program)
    with program_staged(Setup(program)) as stage:
        everything = {execution.conclude()[0] for execution in every_execution(stage.program)}
    assert set(result.outcomes) == everything
    assert len(everything) == 2
    assert result.certificate.holes == ()
    assert result.executions == 2
