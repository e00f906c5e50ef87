"""The display of a run on a terminal: what is under way, how far it is, and what is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.live import Live
from rich.text import Text

from simharness.cli.progress import over, under_way
from simharness.core.verdict import Verdict
from simharness.report import layout
from simharness.report.progress import counter_line
from simharness.runner.observer import Progress
from simharness.runner.result import CaseResult
from simharness.scenario.case import Case

_REFRESH_PER_SECOND = 8
_CASES_SHOWN = 8


class LiveObserver:
    """Holds what the display shows.

    Args:
        console: where finished cases are printed, above the part that is redrawn.
        total: how many cases there are.
        ascii_only: no character beyond ASCII.
    """

    def __init__(self, console: Console, total: int, *, ascii_only: bool) -> None:
        self._console = console
        self._total = total
        self._ascii_only = ascii_only
        self._began_s = monotonic()
        self._finished = 0
        self._executions = 0
        self._open: dict[str, tuple[Case, Progress]] = {}

    def case_started(self, case: Case) -> None:
        """Show the case as under way."""
        self._open[case.title] = (case, Progress(0, 0))

    def progress(self, case: Case, progress: Progress) -> None:
        """Show how far it is."""
        self._open[case.title] = (case, progress)

    def case_finished(self, result: CaseResult) -> None:
        """Print its line above the display."""
        self._open.pop(result.title, None)
        self._finished += 1
        self._executions += result.executions
        style = "bold magenta" if result.verdict is Verdict.ERROR else "green" if result.ok else "bold red"
        layout.emit(self._console, Text(over(result, ascii_only=self._ascii_only), style=style))

    def __rich__(self) -> Text:
        """Return the part that is redrawn."""
        executions = self._executions + sum(progress.executions for _, progress in self._open.values())
        elapsed_s = monotonic() - self._began_s
        lines = [counter_line(self._finished, self._total, executions, elapsed_s=elapsed_s)]
        # Sorted: with several workers the order of starting would make the lines jump.
        shown = [self._open[title] for title in sorted(self._open)[:_CASES_SHOWN]]
        lines += [f"  {under_way(case, progress, ascii_only=self._ascii_only)}" for case, progress in shown]
        if len(self._open) > len(shown):
            lines.append(f"  and {len(self._open) - len(shown)} more")
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")


@contextmanager
def live_display(console: Console, total: int, *, ascii_only: bool) -> Iterator[LiveObserver]:
    """Show a run while it lasts; nothing is left of the display afterwards but the lines of finished cases."""
    observer = LiveObserver(console, total, ascii_only=ascii_only)
    with Live(
        observer,
        console=console,
        refresh_per_second=_REFRESH_PER_SECOND,
        transient=True,
        # Results go to stdout as they are; a redirected print would be wrapped and coloured.
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield observer
