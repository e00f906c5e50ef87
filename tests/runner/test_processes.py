"""Cases in processes of their own: one that is lost costs its case, and Ctrl-C comes through."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from simharness.core.verdict import Verdict
from simharness.explore.campaign import interrupts
from simharness.runner import processes
from simharness.runner.observer import Progress, Silent
from simharness.runner.result import CaseResult, RunOptions
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


def test_ctrl_c_before_a_case_has_begun_reaches_it_when_it_has(tmp_path: Path) -> None:
    """A process that is still importing hears nothing: told too early, it would wait for ever."""
    crew = processes._Crew([fateful(tmp_path, "waiting")], RunOptions(checkpoint_dir=tmp_path), Silent())
    try:
        assert crew.goes_on()
        crew.interrupt()
        assert not crew._workers[0].told
        polls = 0
        while crew.goes_on() and polls < 400:
            crew.listen()
            crew.interrupt()
            polls += 1
        assert polls < 400
        assert crew.results == {}
    finally:
        crew.dismiss()


def test_ctrl_c_between_two_searches_waits_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There an exception could land in an execution, whose program may swallow it; and the run would go on for ever."""
    seen = []

    def search_twice(case: Case, options: RunOptions, report: Callable[[Progress], None]) -> CaseResult:
        report(Progress(1, 1, elapsed_s=1.0))
        os.kill(os.getpid(), signal.SIGINT)
        with interrupts() as pressed:
            seen.append(pressed())
            report(Progress(2, 2, elapsed_s=1.1))
            seen.append(pressed())
        return CaseResult.of(case, Verdict.PASSED)

    monkeypatch.setattr(processes, "run_case", search_twice)
    ours, theirs = multiprocessing.Pipe()
    before = signal.getsignal(signal.SIGINT)
    try:
        over = processes._run(theirs, fateful(tmp_path, "killed"), RunOptions())
    finally:
        signal.signal(signal.SIGINT, before)
        ours.close()
        theirs.close()
    assert seen == [False, True]
    assert isinstance(over, processes._Over)
