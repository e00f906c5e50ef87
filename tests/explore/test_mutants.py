"""Every known mistake in an engine like ours is noticed by the comparison that guards it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from differential import complaints
from mutants import MUTANTS, Mutant, caught_by
from random_programs import build

from simharness.loop.garbage import collected_between_executions
from simharness.loop.primitives import tracked_asyncio


@pytest.fixture(autouse=True)
def _tracked() -> Iterator[None]:
    with tracked_asyncio(), collected_between_executions():
        yield


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # coroutines of abandoned executions are never awaited
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_engine_is_caught(mutant: Mutant) -> None:
    """By its own small program, or by a random one."""
    assert caught_by(mutant) is not None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # as above
@pytest.mark.parametrize(
    "mutant", [mutant for mutant in MUTANTS if mutant.program is not None], ids=lambda mutant: mutant.name
)
def test_the_program_that_shows_a_mutant_is_explored_rightly(mutant: Mutant) -> None:
    """So it is the mutation that was noticed, not the program."""
    program = build(mutant.program) if isinstance(mutant.program, tuple) else mutant.program
    assert program is not None
    assert not complaints(program, cap=300)
