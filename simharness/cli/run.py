"""``simharness run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from simharness.cli.console import Terminal, Wishes, check_folder, check_writable, note, out, rich_console, terminal
from simharness.cli.filters import parse_filters
from simharness.cli.live import live_display
from simharness.cli.progress import LineObserver
from simharness.core.time import parse_duration_ns
from simharness.core.verdict import Verdict
from simharness.errors import ScenarioError
from simharness.report.layout import emit
from simharness.report.table import VerdictRow, verdict_table
from simharness.report.timeline import also
from simharness.runner import json_output
from simharness.runner import junit as junit_output
from simharness.runner.observer import Observer, Silent
from simharness.runner.result import CaseResult, ExitCode, Layout, RunOptions, RunResult
from simharness.runner.run import run_cases
from simharness.scenario import discover, select
from simharness.scenario.case import Case

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def main(
    *,
    paths: list[Path],
    case: list[str],
    json: Path | None,
    junit: Path | None,
    report: Path | None,
    time: str | None,
    executions: int | None,
    jobs: int,
    resume: bool,
    seed: int,
    audit: int,
    quiet: bool,
    wishes: Wishes,
) -> int:
    """Run the cases that the options name; return the exit code."""
    check_writable("--json", json)
    check_writable("--junit", junit)
    check_folder("--report", report)
    filters = parse_filters(case)
    on = terminal(sys.stdout, wishes)
    options = RunOptions(
        time_ns=_duration(time),
        executions=executions,
        jobs=jobs,
        report_dir=report,
        resume=resume,
        seed=seed,
        audit=audit,
        layout=Layout(on.width, on.ascii_only, wishes.full),
    )
    cases = select(discover(paths, factories=True), filters)
    result = _observed(cases, options, quiet=quiet, wishes=wishes)
    # Files first: whatever happens to the terminal from here on, they are there.
    written = _write(result, json, junit)
    _print(result, on, sys.stdout, quiet=quiet, full=wishes.full, cases=len(cases))
    if report is not None and result.cases:
        out(f"timelines and certificates are in {report}")
    return max(result.exit_code, written)


def _duration(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_duration_ns(text)
    except ValueError as error:
        raise ScenarioError(f"--time: {error}") from None


def _observed(cases: list[Case], options: RunOptions, *, quiet: bool, wishes: Wishes) -> RunResult:
    on = terminal(sys.stderr, wishes)
    if quiet:
        return run_cases(cases, options, Silent())
    if on.live:
        with live_display(rich_console(sys.stderr, on), len(cases), ascii_only=on.ascii_only) as live:
            return run_cases(cases, options, live)
    observer: Observer = LineObserver(len(cases), note, ascii_only=on.ascii_only)
    return run_cases(cases, options, observer)


def _write(result: RunResult, json: Path | None, junit: Path | None) -> ExitCode:
    code = ExitCode.OK
    for path, write in ((json, json_output.write), (junit, junit_output.write)):
        if path is None:
            continue
        try:
            write(result, path)
        except OSError as error:
            note(f"{path}: cannot be written: {error.strerror or error}")
            code = ExitCode.BROKEN
    return code


def _print(result: RunResult, on: Terminal, stream: TextIO, *, quiet: bool, full: bool, cases: int) -> None:
    """Print the timelines, then the table, then what else there is to know: what matters most stands last."""
    console = rich_console(stream, on)
    for each in result.cases:
        if not (quiet and each.ok):
            _draw(each, console, on, full=full)
    rows = [_row(each) for each in result.cases]
    of = cases if result.interrupted else None
    for warning in _warnings(result):
        note(f"warning: {warning}")
    emit(console, verdict_table(rows, on.width, ascii_only=on.ascii_only, cases=of))
    if result.interrupted:
        out("interrupted: this is what is known so far; `--resume` goes on from here")


def _warnings(result: RunResult) -> list[str]:
    """Return each warning once for a scenario, with the cases that it is about."""
    about: dict[tuple[str, str], list[CaseResult]] = {}
    for each in result.cases:
        for warning in each.warnings:
            about.setdefault((each.scenario, f"{warning.invariant} {warning.message}"), []).append(each)
    sentences = []
    for (scenario, text), cases in about.items():
        of = sum(each.scenario == scenario for each in result.cases)
        if len(cases) == 1:
            where = cases[0].title
        else:
            where = f"{scenario}, all {of} cases" if len(cases) == of else f"{scenario}, {len(cases)} of {of} cases"
        sentences.append(f"{where}: {text}")
    return sentences


def _draw(result: CaseResult, console: Console, on: Terminal, *, full: bool) -> None:
    """Print the timelines; what the same order violates besides is told below it, unless all is wanted."""
    drawn: set[str] = set()
    for counterexample in result.counterexamples:
        drawing = result.timelines.get(counterexample.token)
        if drawing is None or (counterexample.digest in drawn and not full):
            continue
        drawn.add(counterexample.digest)
        # The runner, which knows no rich, carries it under the name of a protocol.
        emit(console, cast("Text", drawing))
        if not full:
            for other in result.counterexamples:
                if other is not counterexample and other.digest == counterexample.digest:
                    emit(console, also(other.finding, other.token, on.width, ascii_only=on.ascii_only))
        console.print()


def _row(result: CaseResult) -> VerdictRow:
    certificate = result.certificate
    complaint = result.complaint
    violated = result.verdict is Verdict.VIOLATED
    return VerdictRow(
        result.scenario,
        result.case,
        result.verdict,
        by=result.refuted,
        expected=result.expected,
        ok=result.ok,
        executions=result.executions,
        traces=result.traces,
        elapsed_s=result.elapsed_s,
        reachable=bool(result.refuted) if violated and result.counterexamples else None,
        # The table itself says which verdict was expected; the rest is for the note.
        note=complaint if complaint and (result.error or result.verdict == result.expected) else "",
        exhausted=certificate is not None and certificate.exhausted,
        faults=0 if certificate is None else certificate.faults,
    )
