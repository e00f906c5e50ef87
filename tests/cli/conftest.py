"""A runner that answers what a test wants, put where the commands import it from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.text import Text

from simharness.cli import main
from simharness.core.schedule import Schedule
from simharness.core.token import Token
from simharness.core.verdict import Certificate, Counterexample, Finding, Verdict
from simharness.runner.observer import Observer, Progress
from simharness.runner.result import CaseResult, ReplayOutcome, RunOptions, RunResult, Verification
from simharness.scenario import Case, Scenario

SCENARIO = """\
scenario: demo
about: Shows the command line at work.
system: json:loads
matrix: {policy: [good, bad], database: [sqlite, postgresql]}
check: [S8, Q5]
expect:
  - {case: {policy: bad}, verdict: violated, by: [Q5]}
  - {case: {policy: good}, verdict: proven}
"""


def token_of(case: Case) -> str:
    return Token(case.subject, 7, Schedule()).encode()


def honest(case: Case) -> CaseResult:
    """Find what the scenario expects."""
    if case.values.get("policy") != "bad":
        proof = Certificate("stock", "any", 0, "10m", "rows", exhausted=True)
        return CaseResult.of(case, Verdict.PROVEN, executions=12, traces=12, elapsed_s=0.5, certificate=proof)
    token = token_of(case)
    found = Counterexample(Finding("Q5", "the bot stopped itself"), Schedule(), "d" * 16, token, True, 1)
    drawn = Text(f">>A [order] of {case.title}\nReplay  simharness replay {token}", style="red")
    return CaseResult.of(
        case, Verdict.VIOLATED, executions=1200, traces=9, counterexamples=(found,), timelines={token: drawn}
    )


@dataclass
class FakeRunner:
    """What the commands call, and what they called it with."""

    judge: Callable[[Case], CaseResult] = honest
    interrupted_after: int | None = None
    raises: BaseException | None = None
    outcome: ReplayOutcome = field(default_factory=lambda: ReplayOutcome(True, None, "the timeline"))
    findings: list[str] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    options: RunOptions | None = None
    replayed: list[str] = field(default_factory=list)

    def run_cases(self, cases: Sequence[Case], options: RunOptions, observer: Observer) -> RunResult:
        self.cases, self.options = list(cases), options
        if self.raises is not None:
            raise self.raises
        results = []
        for case in cases[: self.interrupted_after]:
            observer.case_started(case)
            observer.progress(case, Progress(5, 5, 10, 20, 1.5, 0.1))
            results.append(self.judge(case))
            observer.case_finished(results[-1])
        return RunResult(tuple(results), interrupted=self.interrupted_after is not None)

    def replay(self, token: str, scenarios: Sequence[Scenario], layout: object) -> ReplayOutcome:
        self.replayed.append(token)
        return self.outcome

    def diagnose(self, cases: Sequence[Case]) -> list[str]:
        self.cases = list(cases)
        return self.findings

    def verify(self, path: Path) -> Verification:
        return Verification(not self.findings, (f"{path.name}: re-checked", *self.findings))


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    fake = FakeRunner()
    for name, function in [("run", "run_cases"), ("replay", "replay"), ("doctor", "diagnose"), ("verify", "verify")]:
        module: Any = ModuleType(f"simharness.runner.{name}")
        setattr(module, function, getattr(fake, function))
        monkeypatch.setitem(sys.modules, f"simharness.runner.{name}", module)
        # The command has to import it anew, now and when the test is over.
        monkeypatch.delitem(sys.modules, f"simharness.cli.{name}", raising=False)
    for variable in ("NO_COLOR", "FORCE_COLOR", "CI", "COLUMNS"):
        monkeypatch.delenv(variable, raising=False)
    return fake


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one scenario, and we stand in it."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "demo.yaml").write_text(SCENARIO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def simharness(runner: FakeRunner, folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command line in the project."""

    def call(*words: str) -> Said:
        capsys.readouterr()
        code = main(words)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return call
