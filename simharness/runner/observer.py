"""Who watches a run while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from simharness.runner.result import CaseResult

if TYPE_CHECKING:
    from simharness.scenario.case import Case


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the exploration of a case is.

    Args:
        executions: so far.
        traces: interleavings so far.
        estimate_low, estimate_high: how many executions there will be in all, as a range; None if unknown.
        eta_s: seconds until the end by that estimate; None if unknown.
        elapsed_s: seconds since the start of the case.
        violations: how many invariants are violated so far.
        stopping: whether Ctrl-C has ended the search, and what was found is being drawn.
    """

    executions: int
    traces: int
    estimate_low: int | None = None
    estimate_high: int | None = None
    eta_s: float | None = None
    elapsed_s: float = 0.0
    violations: int = 0
    stopping: bool = False


class Observer(Protocol):
    """Told about a run by ``run_cases``, always from the thread that called it."""

    def case_started(self, case: Case) -> None:
        """Exploration of ``case`` begins; several may be under way at once."""

    def progress(self, case: Case, progress: Progress) -> None:
        """Something is known about a case that is under way; called as often as the runner likes."""

    def case_finished(self, result: CaseResult) -> None:
        """A case is over."""


class Silent:
    """An observer that looks away."""

    def case_started(self, case: Case) -> None:
        """Do nothing."""

    def progress(self, case: Case, progress: Progress) -> None:
        """Do nothing."""

    def case_finished(self, result: CaseResult) -> None:
        """Do nothing."""
