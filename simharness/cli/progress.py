"""Progress in words, and the observer for streams that are no terminal: one line per case, a counter now and then."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from simharness.report.progress import case_line, counter_line, progress_line
from simharness.runner.observer import Progress
from simharness.runner.result import CaseResult
from simharness.scenario.case import Case

_EVERY_S = 10.0


def left(progress: Progress) -> tuple[int, int] | None:
    """Return how many executions remain by the estimate, lowest and highest; None if there is no estimate."""
    low, high = progress.estimate_low, progress.estimate_high
    if low is None or high is None:
        return None
    return max(0, low - progress.executions), max(0, high - progress.executions)


def under_way(case: Case, progress: Progress, *, ascii_only: bool) -> str:
    """Return what is said of a case that runs."""
    return progress_line(
        case.scenario.name,
        case.values,
        progress.executions,
        left=left(progress),
        eta_s=progress.eta_s,
        violations=progress.violations,
        stopping=progress.stopping,
        ascii_only=ascii_only,
    )


def over(result: CaseResult, *, ascii_only: bool) -> str:
    """Return what is said when a case is over."""
    line = case_line(
        result.scenario,
        result.case,
        result.verdict,
        result.executions,
        elapsed_s=result.elapsed_s,
        by=result.refuted,
        ascii_only=ascii_only,
    )
    return line if result.ok else f"{line}  NOT AS EXPECTED"


class LineObserver:
    """Writes a line when a case is over, and a counter if one takes long.

    Args:
        total: how many cases there are.
        write: takes each line.
        ascii_only: no character beyond ASCII.
        clock: seconds that never go back.
        every_s: at most one counter line in this time.
    """

    def __init__(
        self,
        total: int,
        write: Callable[[str], None],
        *,
        ascii_only: bool = False,
        clock: Callable[[], float] = monotonic,
        every_s: float = _EVERY_S,
    ) -> None:
        self._total = total
        self._write = write
        self._clock = clock
        self._every_s = every_s
        self._ascii_only = ascii_only
        self._finished = 0
        self._executions = 0
        self._began_s = self._spoke_s = clock()

    def case_started(self, case: Case) -> None:
        """Say nothing: the line comes when there is something to say."""

    def progress(self, case: Case, progress: Progress) -> None:
        """Write a counter line if the last line is long ago."""
        if progress.stopping or self._clock() - self._spoke_s >= self._every_s:
            elapsed_s = self._clock() - self._began_s
            executions = self._executions + progress.executions
            counted = counter_line(self._finished, self._total, executions, elapsed_s=elapsed_s)
            self._say(f"{under_way(case, progress, ascii_only=self._ascii_only)}  ({counted})")

    def case_finished(self, result: CaseResult) -> None:
        """Write the case's line."""
        self._finished += 1
        self._executions += result.executions
        self._say(over(result, ascii_only=self._ascii_only))

    def _say(self, line: str) -> None:
        self._spoke_s = self._clock()
        self._write(line)
