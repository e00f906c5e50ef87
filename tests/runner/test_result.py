"""When a case is ok, what is said if it is not, and what the process returns."""

from __future__ import annotations

import pytest

from simharness.core.schedule import Schedule
from simharness.core.verdict import Counterexample, Finding, Verdict
from simharness.runner.result import CaseResult, ExitCode, ReplayOutcome, RunResult
from simharness.scenario import parse


def violation(invariant: str, *, reachable: bool | None = True) -> Counterexample:
    return Counterexample(Finding(invariant, "it broke"), Schedule(), "d" * 16, f"sh1-{invariant}", reachable, 1)


def result(
    verdict: Verdict,
    *found: Counterexample,
    expected: str | None = None,
    by: tuple[str, ...] = (),
    error: str | None = None,
) -> CaseResult:
    return CaseResult("demo", "demo.yaml", {}, verdict, expected, expected_by=by, counterexamples=found, error=error)


OK = [
    result(Verdict.PROVEN),
    result(Verdict.PASSED),
    result(Verdict.INCONCLUSIVE),
    result(Verdict.PROVEN, expected="proven"),
    result(Verdict.PROVEN, expected="passed"),  # the bounds were wide enough to end the search
    result(Verdict.VIOLATED, violation("Q5"), expected="violated"),
    result(Verdict.VIOLATED, violation("Q5"), violation("S8"), expected="violated", by=("Q5",)),
]


@pytest.mark.parametrize("case", OK)
def test_a_met_expectation_has_no_complaint(case: CaseResult) -> None:
    assert case.ok
    assert case.complaint is None


NOT_OK = [
    (result(Verdict.VIOLATED, violation("Q5")), "violated by Q5"),
    (result(Verdict.VIOLATED, violation("Q5"), expected="proven"), "expected proven, got violated by Q5"),
    (result(Verdict.PASSED, expected="proven"), "expected proven, got passed"),
    (result(Verdict.PROVEN, expected="violated", by=("Q5",)), "expected violated, got proven"),
    (
        result(Verdict.VIOLATED, violation("S8"), expected="violated", by=("Q5", "S8")),
        "expected a violation of Q5, found only S8",
    ),
    (
        result(Verdict.VIOLATED, violation("Q5", reachable=False), expected="violated", by=("Q5",)),
        "expected a violation of Q5, found nothing that stock asyncio can reach",
    ),
    (
        result(Verdict.VIOLATED, violation("Q5", reachable=None), expected="violated", by=("Q5",)),
        "expected a violation of Q5, found nothing that stock asyncio can reach",
    ),
    (result(Verdict.ERROR, error="the audit failed", expected="proven"), "the audit failed"),
]


@pytest.mark.parametrize(("case", "complaint"), NOT_OK)
def test_a_missed_expectation_says_what_is_missing(case: CaseResult, complaint: str) -> None:
    assert not case.ok
    assert case.complaint == complaint


RUNS = [
    ((result(Verdict.PROVEN),), False, ExitCode.OK),
    ((), False, ExitCode.OK),
    ((result(Verdict.PROVEN), result(Verdict.VIOLATED, violation("Q5"))), False, ExitCode.FAILED),
    ((result(Verdict.VIOLATED, violation("Q5")), result(Verdict.ERROR)), False, ExitCode.BROKEN),
    ((result(Verdict.ERROR),), True, ExitCode.INTERRUPTED),
]


@pytest.mark.parametrize(("cases", "interrupted", "code"), RUNS)
def test_the_worst_case_decides_the_exit_code(cases: tuple[CaseResult, ...], interrupted: bool, code: ExitCode) -> None:
    assert RunResult(cases, interrupted).exit_code == code


def test_the_codes_of_a_replay() -> None:
    assert ReplayOutcome(True, None, "").exit_code == 0
    assert ReplayOutcome(False, None, "").exit_code == 1
    assert ReplayOutcome(False, "diverged at step 3", "").exit_code == 3


def test_a_result_takes_over_what_its_case_expects() -> None:
    text = "scenario: demo\nsystem: m:f\nmatrix: {a: [x]}\nexpect: [{verdict: violated, by: [Q5]}]\n"
    (case,) = parse(text, "demo.yaml").cases()
    made = CaseResult.of(case, Verdict.PROVEN, executions=3)
    assert (made.scenario, made.path, made.case, made.label) == ("demo", "demo.yaml", {"a": "x"}, "a=x")
    assert (made.expected, made.expected_by, made.executions) == ("violated", ("Q5",), 3)
