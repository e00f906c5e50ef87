"""``simharness verify``."""

from __future__ import annotations

from pathlib import Path

from simharness.cli.console import out
from simharness.errors import ScenarioError
from simharness.runner.verify import verify


def main(*, path: Path) -> int:
    """Print what was re-checked; 1 if something no longer holds."""
    if not path.is_file():
        raise ScenarioError(f"{path}: no such file")
    verification = verify(path)
    for line in verification.lines:
        out(line)
    return verification.exit_code
