"""The search by components against the product, on random pairs of programs of which every other one has a bridge."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from side_by_side import missed, pair, random_pair

from simharness.loop.garbage import collected_between_executions
from simharness.loop.primitives import tracked_asyncio

PROGRAMS = int(os.environ.get("SIMHARNESS_FUZZ_PAIRS", "60"))
CHUNKS = 4


@pytest.fixture(autouse=True)
def _tracked() -> Iterator[None]:
    with tracked_asyncio(), collected_between_executions():
        yield


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # coroutines of abandoned executions are never awaited
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_each_part_comes_to_the_same_final_states_as_in_the_product(chunk: int) -> None:
    wrong = {}
    compared = 0
    for seed in range(chunk, PROGRAMS, CHUNKS):
        found = missed(pair(*random_pair(seed)))
        compared += found is not None
        if found:
            wrong[seed] = found
    assert not wrong
    assert compared >= PROGRAMS // CHUNKS * 3 // 4
