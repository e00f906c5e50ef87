"""JUnit in pytest's dialect: counts, failures with their timelines, tokens as properties."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from simharness.core.schedule import Schedule
from simharness.core.verdict import Counterexample, Finding, Verdict
from simharness.runner import junit
from simharness.runner.result import CaseResult, RunResult


@dataclass(frozen=True)
class Drawn:
    plain: str


FOUND = Counterexample(Finding("Q5", "stopped <itself>"), Schedule(), "d" * 16, "sh1-ABC", True, 2)


def case(verdict: Verdict, expected: str, *found: Counterexample, drawn: str | None = None) -> CaseResult:
    return CaseResult(
        "bot-update",
        "scenarios/bot-update.yaml",
        {"cancel_policy": str(verdict), "database": "sqlite"},
        verdict,
        expected,
        elapsed_s=1.5,
        counterexamples=found,
        error="it \x00broke" if verdict is Verdict.ERROR else None,
        timelines={} if drawn is None else {"sh1-ABC": Drawn(drawn)},
    )


@pytest.fixture
def suite(tmp_path: Path) -> ET.Element:
    cases = (
        case(Verdict.PROVEN, "proven"),
        case(Verdict.VIOLATED, "violated", FOUND),
        case(Verdict.VIOLATED, "proven", FOUND, drawn="the >>A timeline\x1b"),
        case(Verdict.ERROR, "proven"),
    )
    junit.write(RunResult(cases), tmp_path / "out.xml")
    root = ET.parse(tmp_path / "out.xml").getroot()
    assert root.tag == "testsuites"
    return root[0]


def test_the_suite_counts_as_pytest_does(suite: ET.Element) -> None:
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped", "time")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "0", "time": "6.000"}


def test_a_case_is_named_as_a_parametrised_test(suite: ET.Element) -> None:
    assert suite[0].get("name") == "bot-update[proven-sqlite]"
    assert suite[0].get("classname") == "scenarios.bot-update"


def test_only_missed_expectations_fail(suite: ET.Element) -> None:
    assert [each.find("failure") is not None for each in suite] == [False, False, True, False]


def test_a_failure_carries_the_timeline_and_the_complaint(suite: ET.Element) -> None:
    failure = suite[2].find("failure")
    assert failure is not None
    assert failure.text == "the >>A timeline\\x1b"
    assert failure.get("message") == "expected proven, got violated by Q5"


def test_tokens_are_properties_also_of_expected_violations(suite: ET.Element) -> None:
    tokens = [each.get("value") for each in suite[1].iter("property") if each.get("name") == "token"]
    assert tokens == ["sh1-ABC"]


def test_an_error_is_an_error_and_its_text_is_valid_xml(suite: ET.Element) -> None:
    error = suite[3].find("error")
    assert error is not None
    assert error.text == "it \\x00broke"
