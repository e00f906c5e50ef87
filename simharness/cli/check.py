"""``simharness check``."""

from __future__ import annotations

from pathlib import Path

from simharness.cli.console import out
from simharness.runner.setting import check_case
from simharness.scenario import discover


def main(*, paths: list[Path]) -> int:
    """Say of every scenario that it is valid; errors are raised."""
    for scenario in discover(paths, factories=True):
        cases = scenario.cases()
        for case in cases:
            check_case(case)
        count = len(cases)
        out(f"{scenario.path}: ok, {scenario.name}, {count} case{'s' * (count != 1)}")
    return 0
