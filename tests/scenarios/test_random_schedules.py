"""No random schedule shows an interleaving or an outcome that the reduced search has not executed.

The search may only leave out what it knows to be a repetition; a walk that knows nothing of footprints is the check.
`python scripts/random_schedules.py scenarios/bot-update.yaml` does the same with 5000 schedules for each case.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from simharness.scenario import load

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from random_schedules import compare  # noqa: E402 — scripts are no package

SCHEDULES = 60


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["cancel-then-mark", "flush-then-cancel", "commit-then-cancel", "write-ahead"])
def test_random_schedules_of_an_update_meet_nothing_new(policy: str) -> None:
    (case,) = load(str(ROOT / "scenarios" / "bot-update.yaml")).cases(
        {"cancel_policy": [policy], "database": ["sqlite"]}
    )
    comparison = compare(case, SCHEDULES)
    assert comparison.missed == []
    assert comparison.met > 0
