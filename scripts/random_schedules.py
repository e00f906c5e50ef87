"""Looks for interleavings that the reduced search misses: ``python scripts/random_schedules.py SCENARIO [SCHEDULES]``.

Every case of the scenario on SQLite is explored to the end, then executed under that many random schedules (5000 unless
told). Each of them must be one of the interleavings that the search has executed, with one of its outcomes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from simharness.core import trace
from simharness.core.execution import Execution
from simharness.core.trace import HappensBefore
from simharness.explore.strategy import build
from simharness.runner.setting import setting_of, system_of
from simharness.scenario import Case, load
from simharness.world.stage import staged


@dataclass(slots=True)
class Comparison:
    """What a random walk has shown beside an exhaustive search.

    Args:
        explored: interleavings that the search has executed.
        outcomes: final states that it has seen.
        schedules: how many random ones were executed.
        met: how many of the explored interleavings they met.
        missed: what they met and the search had not, one sentence each.
    """

    explored: int = 0
    outcomes: int = 0
    schedules: int = 0
    met: int = 0
    missed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.explored} interleavings, {self.outcomes} outcomes; {self.schedules} random schedules "
            f"met {self.met} of them and {len(self.missed)} others"
        )


def compare(case: Case, schedules: int, seed: int = 0) -> Comparison:
    """Explore a case to the end and hold random schedules against what was executed."""
    result = Comparison(schedules=schedules)
    with staged(setting_of(case), system_of(case)) as stage:
        search = build("dpor", stage.program, seed=seed)
        outcomes = {_end(execution) for execution in search.executions()}
        known = search.statistics.fingerprints
        result.explored, result.outcomes = len(known), len(outcomes)
        met: set[int] = set()
        walk = build("random", stage.program, seed=seed).executions()
        for number, execution in zip(range(1, schedules + 1), walk, strict=False):
            fingerprint = trace.fingerprint(execution.steps, HappensBefore(execution.steps))
            if fingerprint not in known:
                result.missed.append(f"schedule {number} is an interleaving that was not explored")
            elif _end(execution) not in outcomes:
                result.missed.append(f"schedule {number} ends in a state that was not seen")
            met.add(fingerprint)
        result.met = len(met & known)
    return result


def _end(execution: Execution) -> str:
    """Return the final state and which invariants are violated; at which step is a matter of the schedule."""
    outcome, findings = execution.conclude()
    return f"{outcome!r} {sorted({finding.invariant for finding in findings})}"


def main() -> int:
    """Compare every case of a scenario; return 1 if the search has missed anything."""
    scenario = load(sys.argv[1])
    schedules = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    missed = False
    for case in scenario.cases({"database": ["sqlite"]}):
        comparison = compare(case, schedules)
        missed = missed or bool(comparison.missed)
        sys.stdout.write(f"{case.title}: {comparison}\n")
        sys.stdout.writelines(f"  {each}\n" for each in comparison.missed[:10])
        sys.stdout.flush()
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
