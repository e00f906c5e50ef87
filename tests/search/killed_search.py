"""A process of its own that searches, writes checkpoints, and kills itself: ``killed_search.py CHECKPOINT KILL_AFTER``.

Every third execution is written; after KILL_AFTER executions of this process comes SIGKILL. A process that gets to the
end of the search prints the totals.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from search_programs import accesses, program

from simharness.explore.checkpoint import Checkpoint
from simharness.explore.strategy import build
from simharness.loop.guard import determinism_guard
from simharness.loop.primitives import tracked_asyncio


def main() -> None:
    """Search."""
    checkpoint = Checkpoint(Path(sys.argv[1]), "killed search", "code")
    kill_after = int(sys.argv[2])
    subject = program(accesses("w", "r", "w", "r"))
    if checkpoint.file.exists():
        search, outcomes = checkpoint.resume(subject)
    else:
        search, outcomes = build("dpor", subject, seed=0), {}
    for number, execution in enumerate(search.executions(), 1):
        key = " ".join(step.label for step in execution.steps if "write" in step.label or "lambda" in step.label)
        outcomes[key] = outcomes.get(key, 0) + 1
        if number % 3 == 0:
            checkpoint.write(search, outcomes)
        if number == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
    statistics = search.statistics
    totals = {
        "executions": statistics.executions,
        "blocked": statistics.blocked,
        "duplicates": statistics.duplicates,
        "traces": sorted(f"{each:x}" for each in statistics.fingerprints),
        "outcomes": outcomes,
        "exhausted": search.exhausted,
    }
    sys.stdout.write(json.dumps(totals, sort_keys=True))


with tracked_asyncio(), determinism_guard():
    main()
