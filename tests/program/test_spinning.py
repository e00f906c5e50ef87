"""Programs that wait in a loop of sleep(0): not a hang, where something can still come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import simharness
from simharness.errors import SpinningProgram
from simharness.loop.execution import LoopExecution


@pytest.mark.parametrize("semantics", ["stock", "quiescent", "any-order"])
def test_a_program_that_spins_until_a_timer_fires_comes_to_rest(semantics: Any) -> None:
    """A loop of sleep(0) leaves time to pass; on a real loop it does."""

    async def program() -> str:
        state = {"ready": False}
        asyncio.get_running_loop().call_later(5, state.update, {"ready": True})
        while not state["ready"]:
            await asyncio.sleep(0)
        return "ready"

    result = simharness.explore(program, semantics=semantics, executions=5)
    assert (set(result.outcomes), result.violations) == ({"ready"}, ())


@pytest.mark.parametrize("semantics", ["stock", "quiescent", "any-order"])
def test_a_program_that_spins_until_an_answer_comes_is_never_proven(semantics: Any) -> None:
    """It may spin any number of times: more interleavings than anybody can execute, and none of them a hang."""

    async def program() -> str:
        state = {"ready": False}

        async def ask() -> None:
            await simharness.world().call(lambda: None)
            state["ready"] = True

        asyncio.create_task(ask())
        while not state["ready"]:
            await asyncio.sleep(0)
        return "ready"

    result = simharness.explore(program, semantics=semantics, executions=8)
    assert (result.verdict, result.executions, set(result.outcomes)) == ("passed", 8, {"ready"})


def test_a_program_that_spins_for_ever_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def program() -> None:
        while True:
            await asyncio.sleep(0)

    defaults = {**LoopExecution.__init__.__kwdefaults__, "max_steps": 500}
    monkeypatch.setattr(LoopExecution.__init__, "__kwdefaults__", defaults)
    with pytest.raises(SpinningProgram, match="not come to rest after 500 steps"):
        simharness.explore(program)
