"""Every schedule, without any theory."""

from __future__ import annotations

import random
from collections.abc import Iterator

from simharness.core import trace
from simharness.core.execution import Execution, Program
from simharness.core.trace import HappensBefore
from simharness.explore.brute import every_execution
from simharness.explore.estimate import UNKNOWN, Coverage, Forecast
from simharness.explore.statistics import Statistics
from simharness.explore.strategy import Strategy


class BruteSearch:
    """All executions of a program; the interleavings among them are counted, not used.

    Args:
        program: starts an execution.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self.statistics = Statistics()
        self.exhausted = False

    def executions(self) -> Iterator[Execution]:
        """Yield every execution; one whose interleaving was seen before counts as a duplicate."""
        statistics = self.statistics
        for execution in every_execution(self._program):
            fingerprint = trace.fingerprint(execution.steps, HappensBefore(execution.steps))
            statistics.executions += 1
            statistics.steps += len(execution.steps)
            statistics.duplicates += fingerprint in statistics.fingerprints
            statistics.fingerprints.add(fingerprint)
            yield execution
        self.exhausted = True

    def estimate(self, elapsed_s: float) -> Forecast:
        """Return that nothing is known before the end."""
        if not self.exhausted:
            return UNKNOWN
        return Forecast(self.statistics.executions, self.statistics.executions, 0.0)

    def coverage(self) -> Coverage | None:
        """Return None: nothing is sampled here."""
        return None


def _build(program: Program, rng: random.Random) -> BruteSearch:
    return BruteSearch(program)


STRATEGY = Strategy("brute", exhaustive=True, build=_build)
