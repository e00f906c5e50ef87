"""``python -m benchmarks [NAME…]``: runs the benchmarks, each in a process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time

TITLES = {
    "loop": "The loop, against stock asyncio running the same program",
    "symbols": "To the proof: independent symbols in one program",
    "proof": "To the proof: bot-update on real code and SQLite",
    "heap": "Heap footprints on a hot order book",
    "transfer": "Two sessions and more that move money",
    "memory": "Memory over many executions",
    "peers": "The race under other tools, as far as they are installed",
}


def main(names: list[str]) -> int:
    """Run the benchmarks that are named, all of them by default; return the exit code."""
    unknown = [name for name in names if name not in TITLES]
    if unknown:
        print(f"unknown benchmark {unknown[0]!r}; known are {', '.join(TITLES)}", file=sys.stderr)
        return 2
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    failed = 0
    for name in names or TITLES:
        started = time.perf_counter()
        print(f"\n{name}: {TITLES[name]}", flush=True)
        # Its own process: what one benchmark has imported, patched and allocated is no business of the next.
        code = f"from benchmarks import {name}; {name}.main()"
        done = subprocess.run([sys.executable, "-c", code], check=False)
        failed = failed or done.returncode
        print(f"  ({time.perf_counter() - started:.0f} s)", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
