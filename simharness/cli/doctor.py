"""``simharness doctor``."""

from __future__ import annotations

from pathlib import Path

from simharness.cli.console import note, out
from simharness.cli.filters import parse_filters
from simharness.runner.doctor import diagnose
from simharness.runner.result import ExitCode
from simharness.scenario import discover, select


def main(*, paths: list[Path], case: list[str]) -> int:
    """Print what the doctor found; 3 if it found anything."""
    filters = parse_filters(case)
    cases = select(discover(paths, factories=True), filters)
    findings = diagnose(cases, note)
    for finding in findings:
        out(finding)
    if findings:
        return ExitCode.BROKEN
    out(f"no nondeterminism found in {len(cases)} case{'s' * (len(cases) != 1)}")
    return ExitCode.OK
