"""A runner that answers what a test wants, and what a command line said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.text import Text

from simharness.core.schedule import Schedule
from simharness.core.token import Token
from simharness.core.verdict import Certificate, Counterexample, Finding, Verdict
from simharness.runner.observer import Observer, Progress
from simharness.runner.result import CaseResult, ReplayOutcome, RunOptions, RunResult, Verification
from simharness.scenario import Case, Scenario

SYSTEM = """\
class DemoSystem:
    watched = ()

    def __init__(self, **options):
        self.options = options

    def variables(self, given):
        return {}

    create = build = snapshot = subject_of = variables
"""

SCENARIO = """\
scenario: demo
about: Shows the command line at work.
system: demo_system:DemoSystem
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
    outcome: ReplayOutcome = field(default_factory=lambda: ReplayOutcome(True, None, "the timeline", digest="d16e57"))
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

    def diagnose(self, cases: Sequence[Case], say: Callable[[str], None]) -> list[str]:
        self.cases = list(cases)
        return self.findings

    def verify(self, path: Path) -> Verification:
        return Verification(not self.findings, (f"{path.name}: re-checked", *self.findings))


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str
