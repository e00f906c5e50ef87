"""The audit finds state that is shared without a key, and is silent where there is none."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from search_programs import Coroutines, Shared, accesses, bot_update, first, program, spinning

from simharness.core.execution import Program
from simharness.core.footprint import recorder
from simharness.errors import Nondeterminism, ReplayDiverged, SelfCheckFailed
from simharness.explore.audit import Audited, audit, determinism
from simharness.explore.replay import Path, path_of
from simharness.explore.strategy import build
from simharness.program.world import current_world


def _paths(subject: Program, count: int = 10) -> list[Path]:
    return [path_of(execution.steps) for execution in first(build("random", subject, seed=0), count)]


def _audit_all(subject: Program) -> list[Audited]:
    return [audit(subject, path, pairs=50, rng=random.Random(0)) for path in _paths(subject)]


def _counting(shared: Callable[[], dict[str, Any]]) -> Coroutines:
    """Return a program in which the last of two answers decides what a dict holds."""

    async def run() -> Callable[[], Any]:
        state = shared()
        state["last"] = None

        async def answer(number: int) -> None:
            await current_world().call(lambda: number)
            state["last"] = number

        for number in range(2):
            asyncio.create_task(answer(number))
        return lambda: dict(state)

    return run


def _branching(shared: Callable[[], dict[str, Any]]) -> Coroutines:
    """Return a program in which the second of two answers asks once more."""

    async def run() -> None:
        state = shared()
        state["first"] = True

        async def answer() -> None:
            await current_world().call(lambda: None)
            if state["first"]:
                state["first"] = False
            else:
                await current_world().call(lambda: None)

        asyncio.create_task(answer())
        asyncio.create_task(answer())

    return run


def test_a_plain_dict_that_two_tasks_share_is_caught_by_the_outcome() -> None:
    with pytest.raises(SelfCheckFailed, match=r"the outcome is \{'last': [01]\} instead of \{'last': [01]\}"):
        _audit_all(program(_counting(dict)))


def test_a_plain_dict_that_decides_what_a_step_touches_is_caught_by_the_footprint() -> None:
    with pytest.raises(SelfCheckFailed, match=r"does something else \(.*writes .*call"):
        _audit_all(program(_branching(dict)))


def test_the_error_names_both_steps_and_what_it_means() -> None:
    with pytest.raises(SelfCheckFailed) as caught:
        _audit_all(program(_counting(dict)))
    message = str(caught.value)
    assert message.count("_counting.<locals>.run.<locals>.answer [root/") == 2
    assert "were said to be independent, yet the other way round" in message
    assert "state is shared that simharness does not see" in message


@pytest.mark.parametrize("function", [_counting(Shared), _branching(Shared)], ids=["outcome", "footprint"])
def test_the_same_programs_with_tracked_dicts_pass(function: Coroutines) -> None:
    assert sum(audited.swapped for audited in _audit_all(program(function))) > 20


@pytest.mark.parametrize(
    "function",
    [accesses("wr", "r", "w"), bot_update(commit_first=False), bot_update(commit_first=True), spinning],
    ids=["accesses", "bot update", "fixed bot update", "spinning"],
)
def test_programs_without_hidden_state_pass(function: Coroutines) -> None:
    audits = _audit_all(program(function))
    assert sum(audited.swapped for audited in audits) > 0
    assert all(audited.swapped == audited.candidates for audited in audits)
    assert all(audited.compared_outcome for audited in audits)


def test_no_more_pairs_are_swapped_than_were_asked_for() -> None:
    subject = program(accesses("w", "r", "w"))
    audited = audit(subject, _paths(subject, 1)[0], pairs=2, rng=random.Random(0))
    assert audited.swapped == 2 < audited.candidates


def test_outcomes_without_an_equality_of_their_own_are_not_compared() -> None:
    async def run() -> object:
        for _ in range(2):
            asyncio.create_task(current_world().call(lambda: None))
        return object()

    audits = _audit_all(program(run))
    assert sum(audited.swapped for audited in audits) > 0
    assert not any(audited.compared_outcome for audited in audits)


# -- determinism ------------------------------------------------------------------------------------------


def _remembering() -> Coroutines:
    """Return a program that behaves otherwise in every second execution."""
    runs: list[None] = []

    async def run() -> None:
        runs.append(None)
        if len(runs) % 2:
            recorder.write(7)

    return run


def test_the_same_schedule_gives_the_same_digest() -> None:
    subject = program(bot_update(commit_first=False))
    digests = [determinism(subject, path) for path in _paths(subject)]
    assert digests == [determinism(subject, path) for path in _paths(subject)]
    assert len(set(digests)) > 1


def test_a_program_that_remembers_earlier_executions_is_named_nondeterministic() -> None:
    subject = program(_remembering())
    path = _paths(subject, 1)[0]
    with pytest.raises(Nondeterminism, match="the same schedule ran twice and differed at step 0"):
        determinism(subject, path)
    with pytest.raises(Nondeterminism):
        audit(subject, path, pairs=1, rng=random.Random(0))


def test_a_path_that_ends_too_early_is_refused() -> None:
    subject = program(bot_update(commit_first=False))
    with pytest.raises(ReplayDiverged, match="the schedule expects the end of the execution"):
        determinism(subject, _paths(subject, 1)[0][:-1])
