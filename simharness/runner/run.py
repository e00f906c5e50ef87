"""Runs cases one after the other, or several at once in processes of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simharness.runner.case import Interrupted, run_case
from simharness.runner.observer import Observer
from simharness.runner.processes import run_in_processes
from simharness.runner.result import CaseResult, RunOptions, RunResult

if TYPE_CHECKING:
    from simharness.scenario.case import Case


def run_cases(cases: Sequence[Case], options: RunOptions, observer: Observer) -> RunResult:
    """Run every case; Ctrl-C ends it with what is known.

    Args:
        cases: in the order of the report.
        options: what the command line adds.
        observer: hears of the progress, in this thread.

    Raises:
        ScenarioError: a case cannot be run as it stands.
    """
    if options.jobs > 1 and len(cases) > 1:
        return run_in_processes(cases, options, observer)
    results: list[CaseResult] = []
    for case in cases:
        observer.case_started(case)
        try:
            result = run_case(case, options, lambda progress, case=case: observer.progress(case, progress))  # type: ignore[misc]  # the default binds the loop variable
        except Interrupted as interrupted:
            results.append(interrupted.result)
            observer.case_finished(interrupted.result)
            return RunResult(tuple(results), interrupted=True)
        except KeyboardInterrupt:
            return RunResult(tuple(results), interrupted=True)
        results.append(result)
        observer.case_finished(result)
    return RunResult(tuple(results))
