"""The golden timelines are what a run writes today."""

from __future__ import annotations

from pathlib import Path

import pytest

from simharness.runner.case import run_case
from simharness.runner.result import RunOptions
from simharness.scenario import load

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "reports" / "golden"


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["cancel-then-mark", "flush-then-cancel"])
def test_a_run_writes_the_golden_timeline(policy: str, tmp_path: Path) -> None:
    """Renew with `simharness run scenarios/bot-update.yaml --case database=sqlite --report reports/golden`."""
    (case,) = load(str(ROOT / "scenarios" / "bot-update.yaml")).cases(
        {"cancel_policy": [policy], "database": ["sqlite"]}
    )
    run_case(case, RunOptions(report_dir=tmp_path), lambda _: None)
    name = f"bot-update--{policy}--sqlite--Q5.txt"
    assert (tmp_path / name).read_text(encoding="utf-8") == (GOLDEN / name).read_text(encoding="utf-8")
