"""Writes the golden timelines of PostgreSQL anew: `python tests/scenarios/renew_golden.py [SCENARIO…]`.

Each is what `simharness replay` draws for a token, which stands in its last lines. The published fix of the bot manager
is refuted by shorter orders too; its golden is the shortest in which the handler's UPDATE waits for the endpoint's row
lock and then overwrites what was committed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from simharness.core.execution import Execution
from simharness.explore.campaign import Campaign
from simharness.explore.strategy import build
from simharness.runner.case import counterexample_of
from simharness.runner.replay import replay
from simharness.runner.result import Layout
from simharness.runner.setting import setting_of, system_of
from simharness.scenario import discover
from simharness.world.stage import staged

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "reports" / "golden"
LAYOUT = Layout(width=120)
GOLDEN_CASES = [
    ("bot-update", "cancel_policy", "flush-then-cancel", "Q5"),
    ("row-lock-overwrite", "stopping", "in-one-statement", "Q5"),
    ("deadlock-update-fill", "filling", "order-first", "S13"),
]


def name_of(scenario: str, way: str, invariant: str) -> str:
    return f"{scenario}--{way}--postgresql--{invariant}.txt"


class Waiting(Campaign):
    """A search for what is violated where a lock is waited for; everything else is as it was."""

    def _judge(self, execution: Execution) -> None:
        if _waits(execution):
            super()._judge(execution)

    def _violated(self, execution: Execution) -> frozenset[str]:
        return super()._violated(execution) if _waits(execution) else frozenset()


def _waits(execution: Execution) -> bool:
    return any(step.label.startswith("resume UPDATE") for step in execution.steps)


def drawn(token: str) -> str:
    """Return what a replay of ``token`` shows."""
    return replay(token, discover([ROOT / "scenarios"]), LAYOUT).text


def main() -> None:
    for scenario, key, way, invariant in GOLDEN_CASES:
        if sys.argv[1:] and scenario not in sys.argv[1:]:
            continue
        (found,) = discover([ROOT / "scenarios" / f"{scenario}.yaml"])
        (case,) = found.cases({key: [way], "database": ["postgresql"]})
        with staged(setting_of(case), system_of(case)) as stage:
            campaign = Waiting(stage.program, build("dpor", stage.program, seed=0))
            campaign.run()
            proof = next(each for each in campaign.proofs() if each.finding.invariant == invariant)
        token = counterexample_of(case, proof).token
        (GOLDEN / name_of(scenario, way, invariant)).write_text(drawn(token), encoding="utf-8")


if __name__ == "__main__":
    main()
