"""The bot that opens a position crashes at every world event, starts again, and puts everything right."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from simharness.core.step import Kind
from simharness.core.verdict import Finding
from simharness.explore.audit import audit
from simharness.explore.replay import path_of
from simharness.explore.strategy import build
from simharness.runner.setting import setting_of, system_of
from simharness.scenario import load
from simharness.world.stage import Stage, staged

SCENARIO = Path(__file__).parents[2] / "scenarios" / "position-crash.yaml"


@pytest.fixture(scope="module", params=["versioned-intent"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    (case,) = load(str(SCENARIO)).cases({"registration_policy": [request.param], "database": ["sqlite"]})
    with staged(setting_of(case), system_of(case)) as prepared:
        yield prepared


def world_events(stage: Stage) -> list[int]:
    """Return the moments, in base order, before and after everything that reaches or leaves the program."""
    execution = stage.world()
    try:
        while enabled := execution.enabled():
            execution.step(enabled[0])
        return [0] + [number + 1 for number, step in enumerate(execution.steps[:-1]) if step.kind is not Kind.HANDLE]
    finally:
        execution.close()


def crashed_at(stage: Stage, moment: int) -> tuple[Finding, ...]:
    """Return what is wrong in the end if the program crashes at this moment of the base order."""
    execution = stage.world()
    try:
        for _ in range(moment):
            execution.step(execution.enabled()[0])
        # The crash comes last among the enabled processes; 1: it strikes.
        execution.step(execution.enabled()[-1], (1,))
        while enabled := execution.enabled():
            execution.step(enabled[0])
        return tuple(each for each in execution.conclude()[1] if not each.warning)
    finally:
        execution.close()


def test_a_crash_at_every_world_event_is_recovered_from(stage: Stage) -> None:
    """In base order; the scenario position-crash explores the others."""
    moments = world_events(stage)
    assert len(moments) > 40
    wrong = {moment: found for moment in moments if (found := crashed_at(stage, moment))}
    assert wrong == {}


def test_no_planned_order_asks_for_a_step_of_the_program_that_crashed(stage: Stage) -> None:
    """The search once put steps in memory, which commute with a crash, behind it: the 110th execution diverged."""
    search = build("dpor", stage.program, seed=0)
    explored = list(islice(search.executions(), 150))
    assert len(explored) == 150
    assert (search.statistics.blocked, search.statistics.duplicates) == (0, 0)


def test_the_audit_swaps_no_step_in_memory_with_the_crash_behind_it(stage: Stage) -> None:
    """They commute as far as anything that survives can tell, but behind the crash the step is gone."""
    execution = stage.world()
    execution.step(execution.enabled()[0])
    assert execution.step(execution.enabled()[0]).mortal
    assert execution.step(execution.enabled()[-1], (1,)).ends
    while enabled := execution.enabled():
        execution.step(enabled[0])
    path = path_of(execution.steps)
    execution.close()
    assert audit(stage.program, path, pairs=1000, rng=Random(0)).swapped > 0
