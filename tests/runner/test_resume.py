"""A case that was interrupted, among the smaller budgets of faults too, ends like one that was not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from simharness.runner.case import Interrupted, run_case
from simharness.runner.observer import Progress
from simharness.runner.result import CaseResult, RunOptions
from simharness.scenario import Case, load

SHIPPED = Path(__file__).parents[2] / "scenarios" / "bot-stop.yaml"


def case_with_a_fault(folder: Path) -> Case:
    text = SHIPPED.read_text(encoding="utf-8")
    head, _, _ = text.partition("expect:")
    file = folder / "faulty.yaml"
    text = head.replace("faults: 0,", "faults: 1,").replace("explore:", "faults: [request_lost]\nexplore:")
    file.write_text(text, encoding="utf-8")
    (case,) = load(file).cases({"cancel_policy": ["write-ahead"], "database": ["sqlite"]})
    return case


def press_ctrl_c_at(execution: int) -> Callable[[Progress], None]:
    """Return a reporter that presses it when so many executions of all budgets were reported."""
    reported = 0

    def report(progress: Progress) -> None:
        nonlocal reported
        reported += 1
        if reported == execution:
            os.kill(os.getpid(), signal.SIGINT)

    return report


def totals(result: CaseResult) -> tuple[object, ...]:
    assert result.certificate is not None
    counts = (result.executions, result.traces, result.blocked, result.duplicates)
    return result.verdict, counts, result.certificate.traces_digest, result.certificate.exhausted


def test_an_interrupted_case_goes_on_and_ends_with_equal_totals(tmp_path: Path) -> None:
    case = case_with_a_fault(tmp_path)
    whole = totals(run_case(case, RunOptions(checkpoint_dir=None), lambda _: None))
    folder = tmp_path / "checkpoints"
    options = RunOptions(checkpoint_dir=folder, resume=True)
    # In the budget without faults, then in the whole one.
    for kept in ("checkpoint-faults-0", "checkpoint.json"):
        with pytest.raises(Interrupted):
            run_case(case, options, press_ctrl_c_at(1 if "faults" in kept else 3))
        assert [kept in file.name for file in folder.iterdir()] == [True]
    assert totals(run_case(case, options, lambda _: None)) == whole
    assert list(folder.iterdir()) == []
