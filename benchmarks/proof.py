"""Executions to the proof and milliseconds an execution: the shipped bot-update scenario on SQLite, every policy."""

from __future__ import annotations

import time
from pathlib import Path

from simharness.explore.campaign import Campaign, Limits
from simharness.explore.strategy import build
from simharness.runner.setting import setting_of, system_of
from simharness.scenario import discover, select
from simharness.world.stage import Stage, staged

SCENARIO = Path(__file__).parents[1] / "scenarios" / "bot-update.yaml"


def main() -> None:
    """Search each case; shrinking and drawing, which only failures need, are not part of the time."""
    for case in select(discover([SCENARIO], factories=True), {"database": ["sqlite"]}):
        setting = setting_of(case)
        begun = time.perf_counter()
        with staged(setting, system_of(case)) as stage:
            set_up = time.perf_counter() - begun
            search = build("dpor", stage.program, seed=0)
            campaign = Campaign(stage.program, search, Limits())
            started = time.perf_counter()
            campaign.run()
            elapsed = time.perf_counter() - started
            statistics = search.statistics
            alone = one_execution(stage)
        replays = statistics.executions + statistics.probes
        policy = case.values["cancel_policy"]
        print(
            f"  {policy:18} {campaign.verdict():9} {statistics.executions:4} executions {statistics.probes:4} probes"
            f" {elapsed:6.2f} s  {elapsed / statistics.executions * 1e3:6.1f} ms an execution"
            f"  {elapsed / replays * 1e3:5.1f} ms a replay  x{elapsed / replays / alone:.1f} of one alone"
            f" ({alone * 1e3:.1f} ms)  set-up {set_up:.1f} s"
        )


def one_execution(stage: Stage) -> float:
    """Return the seconds of the base order, best of five."""
    shortest = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        world = stage.world()
        while enabled := world.enabled():
            world.step(enabled[0])
        world.close()
        shortest = min(shortest, time.perf_counter() - started)
    return shortest
