"""What a run was asked to do, and what it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from simharness.core.verdict import Certificate, Counterexample, Finding, Verdict

if TYPE_CHECKING:
    from simharness.scenario.case import Case


class ExitCode(IntEnum):
    """What the process says to its caller; a contract."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BROKEN = 3
    INTERRUPTED = 130


class Drawing(Protocol):
    """A text with styles, as rich has it; the runner neither knows nor needs rich."""

    @property
    def plain(self) -> str:
        """The text without styles."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How timelines are drawn.

    Args:
        width: columns.
        ascii_only: no character beyond ASCII.
        full: nothing is folded.
    """

    width: int = 100
    ascii_only: bool = False
    full: bool = False


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line adds to the scenarios.

    Args:
        time_ns: wall time for each case in nanoseconds; None for what the scenario says.
        executions: executions for each case; None for what the scenario says.
        jobs: worker processes.
        report_dir: where timelines and certificates are written; None for nowhere.
        resume: go on from the checkpoints of an interrupted run.
        seed: for sampling strategies and audits.
        audit: how many random pairs of independent steps to run both ways round, for each case.
        layout: how timelines are drawn.
        checkpoint_dir: where an interrupted run leaves what ``resume`` goes on from, unless there is a
            ``report_dir``; None for nowhere.
    """

    time_ns: int | None = None
    executions: int | None = None
    jobs: int = 1
    report_dir: Path | None = None
    resume: bool = False
    seed: int = 0
    audit: int = 0
    layout: Layout = Layout()
    checkpoint_dir: Path | None = Path(".simharness")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What was found about one case.

    Args:
        scenario: the scenario's name.
        path: its file.
        case: matrix key → value.
        verdict: the claim.
        expected: the verdict that the scenario expects, if it says.
        expected_by: the invariants that must be violated according to the scenario.
        executions, traces, blocked, duplicates: what the explorer counted.
        elapsed_s: wall time in seconds, for people; nothing is decided by it.
        certificate: what was explored and what was assumed; None if the case failed to run.
        counterexamples: one for each invariant that is violated.
        warnings: what is worth knowing and refutes nothing.
        error: why nothing is claimed, one line, for the verdict ``error``.
        reports: token → the file that its timeline was written to.
        timelines: token → its timeline, drawn.
    """

    scenario: str
    path: str
    case: dict[str, str]
    verdict: Verdict
    expected: str | None = None
    expected_by: tuple[str, ...] = ()
    executions: int = 0
    traces: int = 0
    blocked: int = 0
    duplicates: int = 0
    elapsed_s: float = 0.0
    certificate: Certificate | None = None
    counterexamples: tuple[Counterexample, ...] = ()
    warnings: tuple[Finding, ...] = ()
    error: str | None = None
    reports: Mapping[str, Path] = field(default_factory=dict)
    timelines: Mapping[str, Drawing] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        case: Case,
        verdict: Verdict,
        *,
        executions: int = 0,
        traces: int = 0,
        blocked: int = 0,
        duplicates: int = 0,
        elapsed_s: float = 0.0,
        certificate: Certificate | None = None,
        counterexamples: tuple[Counterexample, ...] = (),
        warnings: tuple[Finding, ...] = (),
        error: str | None = None,
        reports: Mapping[str, Path] | None = None,
        timelines: Mapping[str, Drawing] | None = None,
    ) -> CaseResult:
        """Return the result of ``case``, with what its scenario expects."""
        expectation = case.expected
        return cls(
            scenario=case.scenario.name,
            path=case.scenario.path,
            case=dict(case.values),
            verdict=verdict,
            expected=None if expectation is None else expectation.verdict,
            expected_by=() if expectation is None else expectation.by,
            executions=executions,
            traces=traces,
            blocked=blocked,
            duplicates=duplicates,
            elapsed_s=elapsed_s,
            certificate=certificate,
            counterexamples=counterexamples,
            warnings=warnings,
            error=error,
            reports=reports or {},
            timelines=timelines or {},
        )

    @property
    def label(self) -> str:
        """Its matrix values as ``key=value key=value``."""
        return " ".join(f"{key}={value}" for key, value in self.case.items())

    @property
    def title(self) -> str:
        """The scenario's name and the label."""
        return f"{self.scenario} {self.label}".rstrip()

    @property
    def refuted(self) -> tuple[str, ...]:
        """The invariants with a counterexample that stock asyncio can reach, sorted."""
        return tuple(sorted({each.finding.invariant for each in self.counterexamples if _reachable(each)}))

    @property
    def ok(self) -> bool:
        """Whether the expectation is met; without one, whether nothing is violated and nothing went wrong."""
        return self.complaint is None

    @property
    def complaint(self) -> str | None:
        """Why the case is not ok, in one sentence without a full stop; None if it is."""
        if self.verdict is Verdict.ERROR:
            return self.error or "an internal error"
        by = f" by {', '.join(self.refuted)}" if self.refuted else ""
        if self.expected is None:
            return f"violated{by}" if self.verdict is Verdict.VIOLATED else None
        more = self.verdict is Verdict.PROVEN and self.expected == Verdict.PASSED
        if self.verdict != self.expected and not more:
            return f"expected {self.expected}, got {self.verdict}{by}"
        missing = [invariant for invariant in self.expected_by if invariant not in self.refuted]
        if not missing:
            return None
        found = f"only {', '.join(self.refuted)}" if self.refuted else "nothing that stock asyncio can reach"
        return f"expected a violation of {', '.join(missing)}, found {found}"


def _reachable(counterexample: Counterexample) -> bool:
    return counterexample.reachable_on_stock_asyncio is True


@dataclass(frozen=True, slots=True)
class RunResult:
    """All cases of a run.

    Args:
        cases: what is known, in the order in which the cases were asked for.
        interrupted: True if Ctrl-C ended the run before every case was finished.
    """

    cases: tuple[CaseResult, ...]
    interrupted: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """The worst that happened: interrupted, then errors, then missed expectations."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if any(each.verdict is Verdict.ERROR for each in self.cases):
            return ExitCode.BROKEN
        return ExitCode.OK if all(each.ok for each in self.cases) else ExitCode.FAILED


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """What a replay showed.

    Args:
        happened_again: the same invariant is violated.
        diverged: how the program left the schedule, one line; None if it did not.
        text: the timeline, or a sentence that says why there is none.
        drawing: the timeline with styles, if there is one.
        digest: of the trace; empty if the replay diverged.
        same_trace: whether every step was the recorded one.
        choices: how many choices differ from the order of stock asyncio.
        missing: positions of those that have no place in the code as it is now.
    """

    happened_again: bool
    diverged: str | None
    text: str
    drawing: Drawing | None = None
    digest: str = ""
    same_trace: bool = True
    choices: int = 0
    missing: tuple[int, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """0: it happened again; 1: it no longer happens; 3: it diverged."""
        if self.diverged is not None:
            return ExitCode.BROKEN
        return ExitCode.OK if self.happened_again else ExitCode.FAILED


@dataclass(frozen=True, slots=True)
class Verification:
    """What re-executing a sample of a certificate showed.

    Args:
        ok: whether everything that was re-checked still holds.
        lines: what was checked and what came out, one line each.
    """

    ok: bool
    lines: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        """0: it holds; 1: it does not."""
        return ExitCode.OK if self.ok else ExitCode.FAILED
