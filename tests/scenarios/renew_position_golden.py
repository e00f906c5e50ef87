"""Writes the golden timelines of positions anew: `python tests/scenarios/renew_position_golden.py [NAME…]`.

One for each weakness of the published fix, and of what it fixes. Each is what `simharness replay` draws for the token
in its last line, that of the shortest order found in which the invariant breaks with these words.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from simharness.core.execution import Execution
from simharness.explore.campaign import Campaign, Limits
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


@dataclass(frozen=True, slots=True)
class Weakness:
    """A published weakness and where it shows.

    Args:
        scenario, policy, invariant: what refutes which variant.
        words: part of the finding.
        story: what the timeline must say, in this order.
    """

    scenario: str
    policy: str
    invariant: str
    words: str
    story: tuple[str, ...]

    @property
    def name(self) -> str:
        """The golden file."""
        return f"{self.scenario}--{self.policy}--sqlite--{self.invariant}.txt"


WEAKNESSES = {
    "update between execution and answer": Weakness(
        "position-open", "drop-unknown", "S11", "never learned of update #1",
        ("venue fills o-1", "user stream: position", "log “Skipped ETH/USDT:USDT", "S11 does not hold"),
    ),
    "update to the placeholder lost at registration": Weakness(
        "position-open", "buffer-then-apply", "Q7", "mark price None",
        ("Pre-registered", "user stream: position", "Q7 does not hold"),
    ),
    "newer overtaken by older while draining": Weakness(
        "position-open-updates", "buffer-then-apply", "S14", "went back from update",
        ("Buffered update", "Applying", "!!"),
    ),
    "placeholder left after a failed stop-loss": Weakness(
        "position-stop-loss-fails", "buffer-then-apply", "Q6", "",
        ("Pre-registered", "attempt 3 of 3", "Q6 does not hold"),
    ),
    "buffer that never buffers because of its key": Weakness(
        "position-open", "buffer-wrong-key", "S11", "never learned of update #1",
        ("venue fills o-1", "user stream: position", "log “Skipped ETH/USDT:USDT", "S11 does not hold"),
    ),
    "division by zero in the protection check": Weakness(
        "position-sync-during-open", "buffer-then-apply", "S13", "Division",
        ("Pre-registered", "check_protection", "!!"),
    ),
    "naked position after a lost reply": Weakness(
        "position-order-reply-lost", "drop-unknown", "L1", "",
        ("venue fills o-1", "!!"),
    ),
}  # fmt: skip


# Those whose timelines are kept. The others are found by longer searches, and are not drawn yet.
DRAWN = (
    "update between execution and answer",
    "placeholder left after a failed stop-loss",
    "buffer that never buffers because of its key",
    "naked position after a lost reply",
)


class Search(Campaign):
    """A search for one finding, which ends when it has a few orders with it that stock asyncio can produce."""

    wanted: Weakness

    def _judge(self, execution: Execution) -> None:
        if self._matches(execution):
            super()._judge(execution)

    def _violated(self, execution: Execution) -> frozenset[str]:
        return frozenset({self.wanted.invariant}) if self._matches(execution) else frozenset()

    def _matches(self, execution: Execution) -> bool:
        findings = execution.conclude()[1]
        return any(each.invariant == self.wanted.invariant and self.wanted.words in each.message for each in findings)

    def found(self) -> bool:
        """Tell whether there is an order that stock asyncio can produce."""
        return any(each.reachable for each in self.candidates.get(self.wanted.invariant, []))


def case_of(weakness: Weakness) -> Any:
    (scenario,) = discover([ROOT / "scenarios" / f"{weakness.scenario}.yaml"])
    (case,) = scenario.cases({"registration_policy": [weakness.policy], "database": ["sqlite"]})
    return case


def drawn(token: str) -> str:
    """Return what a replay of ``token`` shows."""
    return replay(token, discover([ROOT / "scenarios"]), LAYOUT).text


def shortest(weakness: Weakness) -> str:
    """Return the token of the shortest order found: exhaustively near the base order, then by samples."""
    case = case_of(weakness)
    with staged(setting_of(case), system_of(case)) as stage:
        for strategy, executions in (("dpor", 3), ("pos", 600)):
            campaign = Search(stage.program, build(strategy, stage.program, seed=0), Limits(executions))
            campaign.wanted = weakness
            campaign.limits = Limits(executions, after_violation=0)
            campaign.run()
            if campaign.found():
                campaign.candidates = {weakness.invariant: campaign.candidates[weakness.invariant]}
                (proof,) = islice(campaign.proofs(1000), 1)
                return counterexample_of(case, proof).token
    raise SystemExit(f"{weakness.name}: not found")


def main(names: list[str]) -> None:
    for title, weakness in WEAKNESSES.items():
        if not names or weakness.name in names:
            sys.stdout.write(f"{title}: {weakness.name}\n")
            sys.stdout.flush()
            (GOLDEN / weakness.name).write_text(drawn(shortest(weakness)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
