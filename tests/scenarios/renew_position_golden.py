"""Writes the golden timelines of positions anew: `python tests/scenarios/renew_position_golden.py [NAME…]`.

One for each weakness of the published fix, and of what it fixes. Each is what `simharness replay` draws for the token
in its last line, that of the shortest order found in which the invariant breaks with these words. Without names the
tokens stay, and what they show is drawn anew; for a file that is named, or is not there, an order is searched.
"""

from __future__ import annotations

import logging
import re
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
        logs: what the program must have logged, or the finding is another one with the same words.
        not_logged: what it must not have logged, for the same reason.
        strategy: which samples show it.
    """

    scenario: str
    policy: str
    invariant: str
    words: str
    story: tuple[str, ...]
    logs: tuple[str, ...] = ()
    not_logged: tuple[str, ...] = ()
    strategy: str = "pos"

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
        ("user stream: position", "Pre-registered", "a stream handler failed", "Q7 does not hold"),
        ("Pre-registered",),
    ),
    "newer overtaken by older while draining": Weakness(
        "position-open-updates", "buffer-then-apply", "S14", "ended at update #2; the venue's newest is #3",
        ("Buffered update", "Applying", "!!"),
        ("Buffered update", "Applying"),
        ("a stream handler failed",),  # A report that went to the placeholder: that is the weakness above.
        "pct",
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
        "position-protection-during-open", "buffer-then-apply", "S9", "entry price 0",
        ("Pre-registered", "check_protection", "!!"),
    ),
    "naked position after a lost reply": Weakness(
        "position-order-reply-lost", "drop-unknown", "L1", "",
        ("venue fills o-1", "!!"),
    ),
}  # fmt: skip


class Heard(logging.Handler):
    """What the program has logged in the running execution."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class Search(Campaign):
    """A search for one finding, which ends when it has a few orders with it that stock asyncio can produce."""

    wanted: Weakness
    heard: Heard

    def _judge(self, execution: Execution) -> None:
        if self._matches(execution):
            super()._judge(execution)

    def _violated(self, execution: Execution) -> frozenset[str]:
        return frozenset({self.wanted.invariant}) if self._matches(execution) else frozenset()

    def _matches(self, execution: Execution) -> bool:
        findings = execution.conclude()[1]
        wanted, logged = self.wanted, "\n".join(self.heard.lines)
        if not all(text in logged for text in wanted.logs) or any(text in logged for text in wanted.not_logged):
            return False
        return any(each.invariant == wanted.invariant and wanted.words in each.message for each in findings)

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
    case, heard, logger = case_of(weakness), Heard(), logging.getLogger("simharness.managers.positions")
    logger.addHandler(heard)
    logger.setLevel(logging.INFO)
    with staged(setting_of(case), system_of(case)) as stage:

        def program() -> Execution:
            heard.lines.clear()
            return stage.program()

        for strategy, executions in (("dpor", 3), (weakness.strategy, 1500)):
            campaign = Search(program, build(strategy, program, seed=0), Limits(executions, after_violation=0))
            campaign.wanted, campaign.heard = weakness, heard
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
            golden = GOLDEN / weakness.name
            known = None if names or not golden.exists() else re.findall(r"sh1-\w+", golden.read_text(encoding="utf-8"))
            text = drawn(known[-1]) if known else ""
            # After a change of the program an old order may show nothing any more.
            shown = "FAIL" in text and f"{weakness.invariant} " in text
            golden.write_text(text if shown else drawn(shortest(weakness)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
