"""The footprints of the shipped programs name every table whose rows the server locks for them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from simharness.runner.setting import setting_of, system_of
from simharness.scenario import load
from simharness.world.stage import staged

SCENARIOS = Path(__file__).parents[2] / "scenarios"
WALKS = 4


@pytest.mark.parametrize(
    ("scenario", "key", "way"),
    [
        ("bot-update", "cancel_policy", "commit-then-cancel"),
        ("advisory-lock", "daily", "lock-then-run"),
        ("for-update", "settling", "skip-locked"),
        ("unique-race", "placing", "insert-then-ask"),
    ],
)
def test_random_walks_lock_nothing_that_no_footprint_names(scenario, key, way):
    case = next(
        each
        for each in load(str(SCENARIOS / f"{scenario}.yaml")).cases({key: [way]})
        if each.database.engine == "postgresql"
    )
    chance = random.Random(1)
    with staged(setting_of(case), system_of(case)) as stage:
        stage.database._database.check = True
        for _ in range(WALKS):
            world = stage.world()
            while enabled := world.enabled():
                world.step(chance.choice(enabled))
            world.close()
