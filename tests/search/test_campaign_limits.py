"""A refuted program is not explored to its end, if that is what was asked for; one that holds is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from search_programs import Shared, program

from simharness.core.verdict import Verdict
from simharness.explore.campaign import Campaign, Limits
from simharness.explore.strategy import build
from simharness.program.world import current_world


async def _writers(*, wrong: bool) -> Any:
    cell = Shared(x=0)
    world = current_world()

    async def write(value: int) -> None:
        await world.call(lambda: cell.__setitem__("x", value))

    tasks = [asyncio.create_task(write(value)) for value in range(3)]
    await asyncio.gather(*tasks)
    assert not wrong or cell["x"] == 2
    return lambda: None


def _searched(limits: Limits, *, wrong: bool) -> Campaign:
    subject = program(lambda: _writers(wrong=wrong))
    campaign = Campaign(subject, build("dpor", subject, seed=0), limits)
    campaign.run()
    return campaign


@pytest.mark.parametrize("further", [0, 3])
def test_so_many_executions_follow_the_first_violation(further: int) -> None:
    campaign = _searched(Limits(after_violation=further), wrong=True)
    first = min(each.number for known in campaign.candidates.values() for each in known)
    assert campaign.search.statistics.executions == first + further
    assert campaign.verdict() is Verdict.VIOLATED
    assert campaign.bounds == [f"executions after the first violation ≤ {further}"]


def test_without_a_violation_the_search_goes_to_its_end() -> None:
    campaign = _searched(Limits(after_violation=0), wrong=False)
    assert (campaign.verdict(), campaign.exhausted, campaign.bounds) == (Verdict.PROVEN, True, [])
