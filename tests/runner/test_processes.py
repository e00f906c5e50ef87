"""Cases in processes of their own: one that is lost costs its case, and Ctrl-C comes through."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from simharness.runner.observer import Silent
from simharness.runner.result import RunOptions
from simharness.runner.run import run_cases
from simharness.scenario import Case, load

SCENARIO = """\
scenario: fateful
about: The system under test takes its process with it.
system: fateful_systems:ending
matrix: {{how: [{how}]}}
when:
  - rest: GET /
check: [Q1]
"""
SHIPPED = Path(__file__).parents[2] / "scenarios" / "bot-stop.yaml"


def fateful(folder: Path, how: str) -> Case:
    file = folder / f"{how}.yaml"
    file.write_text(SCENARIO.format(how=how))
    (case,) = load(file).cases({})
    return case


def test_a_process_that_is_killed_costs_its_case_and_no_other(tmp_path: Path) -> None:
    options = RunOptions(jobs=2, checkpoint_dir=tmp_path)
    (other,) = load(SHIPPED).cases({"cancel_policy": ["commit-then-cancel"], "database": ["sqlite"]})
    result = run_cases([fateful(tmp_path, "killed"), other], options, Silent())
    lost, fine = result.cases
    assert (lost.verdict, lost.error) == ("error", "the process that ran it was ended by signal 9")
    assert (fine.verdict, fine.executions) == ("proven", 1)
    assert (result.exit_code, result.interrupted) == (3, False)
    assert not multiprocessing.active_children()


def test_ctrl_c_reaches_the_processes_and_leaves_none(tmp_path: Path) -> None:
    cases = [fateful(tmp_path, "interrupted"), fateful(tmp_path, "waiting")]
    result = run_cases(cases, RunOptions(jobs=2, checkpoint_dir=tmp_path), Silent())
    assert (result.cases, result.exit_code) == ((), 130)
    assert not multiprocessing.active_children()
