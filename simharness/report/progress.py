"""The texts of progress: what runs, how much is done, how much may be left."""

from __future__ import annotations

from collections.abc import Mapping

from simharness.core.verdict import Verdict
from simharness.report import layout
from simharness.report.table import case_text, verdict_word


def progress_line(
    scenario: str,
    case: Mapping[str, object],
    executions: int,
    *,
    left: tuple[int, int] | None = None,
    eta_s: float | None = None,
    violations: int = 0,
    stopping: bool = False,
    ascii_only: bool = False,
) -> str:
    """Return one line about a running case.

    Args:
        scenario: its name.
        case: its values.
        executions: how many are done.
        left: the estimate of those that remain, lowest and highest; None if there is none yet.
        eta_s: estimated seconds to the end; None if there is no estimate.
        violations: how many invariants are violated so far.
        stopping: whether the search is over and what it found is being drawn.
        ascii_only: use no character beyond ASCII.
    """
    parts = [_count(executions, "execution")]
    if violations:
        parts.append(f"{_count(violations, 'invariant')} violated")
    if stopping:
        parts, left, eta_s = ["stopping; Ctrl-C once more leaves at once"], None, None
    if left is not None:
        parts.append(f"{_range(*left)} left")
    if eta_s is not None:
        parts.append(f"ETA {round(eta_s)} s" if eta_s < 10 else f"ETA {duration(eta_s)}")
    return layout.clean(f"{_title(scenario, case)}  {', '.join(parts)}", ascii_only=ascii_only)


def case_line(
    scenario: str,
    case: Mapping[str, object],
    verdict: Verdict,
    executions: int,
    *,
    elapsed_s: float,
    by: tuple[str, ...] = (),
    ascii_only: bool = False,
) -> str:
    """Return one line about a finished case, for pipes and logs.

    Args:
        scenario: its name.
        case: its values.
        verdict: what was found.
        executions: how many it took.
        elapsed_s: wall seconds it took.
        by: the ids of the invariants that refute it.
        ascii_only: use no character beyond ASCII.
    """
    word = verdict_word(verdict, ascii_only=ascii_only)
    by_text = f" by {', '.join(by)}" if by else ""
    line = f"{word}{by_text}  {_title(scenario, case)}  {_count(executions, 'execution')} in {duration(elapsed_s)}"
    return layout.clean(line, ascii_only=ascii_only)


def counter_line(cases_done: int, cases: int, executions: int, *, elapsed_s: float) -> str:
    """Return the line that stands for all cases: how many are done, executions so far, wall seconds."""
    return f"{cases_done} of {_count(cases, 'case')}, {_count(executions, 'execution')}, {duration(elapsed_s)}"


def duration(seconds: float) -> str:
    """Return wall seconds for a reader: ``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _title(scenario: str, case: Mapping[str, object]) -> str:
    text = case_text(case)
    return f"{scenario} {text}" if text else scenario


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"
