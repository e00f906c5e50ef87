"""Prints which comparison notices which broken variant of the engine: ``python scripts/mutants.py``."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "explore"))

from mutants import MUTANTS, caught_by

from simharness.loop.garbage import collected_between_executions
from simharness.loop.primitives import tracked_asyncio


def main() -> int:
    """Print the table; return 1 if a mutant survives."""
    warnings.simplefilter("ignore", RuntimeWarning)  # coroutines of abandoned executions are never awaited
    survivors = 0
    with tracked_asyncio(), collected_between_executions():
        for mutant in MUTANTS:
            caught = caught_by(mutant)
            survivors += caught is None
            program, complaint = caught or ("", "SURVIVES")
            sys.stdout.write(f"{mutant.name:<58} {program:<20} {complaint[:90]}\n")
            sys.stdout.flush()
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
