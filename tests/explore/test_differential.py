"""Random programs: the reduced search against brute force and against the queue of an unmodified loop.

``SIMHARNESS_FUZZ_PROGRAMS`` sets how many there are; the chunks are spread over the workers of pytest-xdist.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from differential import complaints
from random_programs import NESTED, SIMPLE, Body, build, generate, kinds_of

from simharness.loop.garbage import collected_between_executions
from simharness.loop.primitives import tracked_asyncio

Program = Callable[[], Coroutine[Any, Any, Any]]
PROGRAMS = int(os.environ.get("SIMHARNESS_FUZZ_PROGRAMS", "3000"))
CHUNKS = 30
# One program in so many is larger than the rest, and is compared longer.
LARGER = 15

# Programs that once showed a bug. Data choices next to timers ran into a dead end; one answer of a sleeping choice was
# taken for all of them; as_completed's timeout shares a set with its completions; methods have a cell for super().
REGRESSIONS: dict[str, tuple[Body, ...]] = {
    "choice in a gather with a sleep": (
        (
            ("gather", "q", 2, (("sleep", "y", 2),), (("choose", "x", 9),)),
            ("semaphore", "p", 1, (("event wait", "x", 1),)),
        ),
        (("call", "x", 3), ("notify", "y", 3)),
    ),
    "choice next to two timers": (
        (("wait_for", "q", 2, (("double", "x", 8),)),),
        (("wait", "p", 1, (("sleep", "y", 5),)), ("choose", "x", 8)),
    ),
    "choice in a group with a sleep": (
        (("yield", "y", 9), ("channel call", "x", 1)),
        (("group", "p", 1, (("sleep", "x", 4),), (("choose", "x", 3),)), ("double", "y", 2), ("yield", "x", 7)),
    ),
    "one sleeping answer": (
        (("timeout", "p", 2, (("call", "y", 4),)),),
        (("choose fault", "y", 1), ("event wait", "x", 7)),
    ),
    "as_completed with a timeout": (
        (("cancel", "x", 7),),
        (("chance", "y", 7),),
        (("as_completed", "p", 1, (("double", "y", 3),), (("bounded put", "x", 5),)),),
    ),
    "a method with a cell": ((("choose", "x", 8),), (("call later", "y", 4), ("call", "y", 1))),
}


@pytest.fixture(autouse=True)
def _tracked() -> Iterator[None]:
    with tracked_asyncio(), collected_between_executions():
        yield


def program_of(seed: int) -> tuple[Body, ...]:
    """Return the program of a seed: small, and now and then larger."""
    larger = seed % LARGER == 0
    return generate(random.Random(seed), budget=3 if larger else 2, depth=2 if larger else 1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # coroutines of abandoned executions are never awaited
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_reduced_search_agrees_with_brute_force_and_with_stock_asyncio(chunk: int) -> None:
    """The same outcomes and traces, nothing twice, no dead end, the label right both ways, every self-check passed."""
    wrong = {}
    compared = 0
    for seed in range(chunk, PROGRAMS, CHUNKS):
        found = complaints(build(program_of(seed)), cap=90 if seed % LARGER == 0 else 50)
        compared += found is not None
        if found:
            wrong[seed] = found
    assert not wrong
    assert compared >= PROGRAMS // CHUNKS * 3 // 4


def eager(program: Program) -> Program:
    """Let every task of a program start at once, inside of who creates it."""

    async def started() -> Any:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        return await program()

    return started


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # as above
def test_eager_tasks_are_explored_rightly() -> None:
    wrong = {seed: complaints(eager(build(program_of(seed))), cap=50) for seed in range(60)}
    assert not {seed: found for seed, found in wrong.items() if found}
    assert sum(found is not None for found in wrong.values()) > 45


def test_every_construct_is_generated() -> None:
    """What no program contains was not compared."""
    counts = Counter(kind for seed in range(PROGRAMS) for kind in kinds_of(program_of(seed)))
    assert set(counts) == {*SIMPLE, *NESTED}
    assert min(counts.values()) >= PROGRAMS // 50


@pytest.mark.parametrize("name", sorted(REGRESSIONS))
def test_programs_that_once_showed_a_bug_stay_right(name: str) -> None:
    """Compared at length."""
    assert complaints(build(REGRESSIONS[name]), cap=400) == []
