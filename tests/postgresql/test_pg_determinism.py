"""The same choices give the same trace, however busy the machine is; both drivers see the same."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from simharness.core import trace
from simharness.runner.setting import setting_of, system_of
from simharness.scenario import load
from simharness.world.stage import staged

SCENARIO = Path(__file__).parents[2] / "scenarios" / "for-update.yaml"
RUNS = 20


@pytest.fixture
def hogs():
    """Two processes that take all the time that they are given."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for hog in started:
        hog.kill()
        hog.wait()


def follow(stage, seed):
    """Take choices at random, the same for the same seed; return everything that can be told of the execution."""
    chance = random.Random(seed)
    world = stage.world()
    while enabled := world.enabled():
        world.step(chance.choice(enabled))
    outcome = repr(world.conclude())
    steps = [(str(step), step.time_ns, len(step.footprint.reads), len(step.footprint.writes)) for step in world.steps]
    digest = trace.digest(world.steps)
    world.close()
    return digest, tuple(steps), outcome


@pytest.mark.usefixtures("hogs")
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_twenty_runs_of_a_schedule_have_one_trace_beside_a_hog(driver):
    """Two workers of which one waits for a row lock, is stopped, and goes on; another schedule is another trace."""
    (case,) = load(str(SCENARIO)).cases({"settling": ["for-update"], "driver": [driver]})
    with staged(setting_of(case), system_of(case)) as stage:
        runs = {follow(stage, seed=3) for _ in range(RUNS)}
        others = {follow(stage, seed=seed)[0] for seed in range(4, 9)}
    assert len(runs) == 1
    ((digest, steps, _),) = runs
    assert any(label.startswith("resume SELECT") for label, *_ in steps)
    assert others - {digest}
