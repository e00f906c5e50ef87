"""The canonical race under other tools that explore asyncio programs, as far as they are installed.

One module is one tool; a new one is found by lying here. What all of them are asked is in ``_contest.py``, the program
in ``_program.py``.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Ask each tool, ours first; exit with 1 if ours crashed or gave another verdict than it has to."""
    from benchmarks.peers import _field

    limit = float(os.environ.get("SIMHARNESS_BENCH_PEER_SECONDS", "10"))
    failed = False
    for module in _field.modules():
        for line, wrong in _field.lines(module, limit):
            print(f"  {line}", flush=True)
            failed = failed or wrong
    if failed:
        sys.exit(1)
