"""Peak memory over many executions: it has to stay where it is after the first tenth."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from benchmarks.race import race
from simharness.explore.dpor import OptimalExplorer
from simharness.program.setup import Setup
from simharness.program.stage import program_staged

EXECUTIONS = int(os.environ.get("SIMHARNESS_BENCH_EXECUTIONS", "10000"))


def resident_mib() -> float:
    """Return the memory of this process now, in MiB; the peak so far where /proc does not exist."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main() -> None:
    """Explore one program again and again and print the memory at a tenth, a half and the end."""
    marks = {EXECUTIONS // 10: "10 %", EXECUTIONS // 2: "50 %", EXECUTIONS: "100 %"}
    done = 0
    seen: list[float] = []
    with program_staged(Setup(race(3))) as stage:
        while done < EXECUTIONS:
            for _ in OptimalExplorer(stage.program).executions():
                done += 1
                if done in marks:
                    seen.append(resident_mib())
                    print(f"  {marks[done]:>5} of {EXECUTIONS:,} executions: {seen[-1]:7.1f} MiB")
                if done >= EXECUTIONS:
                    break
    growth = (seen[-1] - seen[0]) * 2**20 / (EXECUTIONS * 0.9)
    print(f"  growth from 10 % to 100 %: x{seen[-1] / seen[0]:.3f}, {growth:.0f} bytes an execution")
