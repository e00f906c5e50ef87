"""What all sampling strategies share: running executions to their end and counting what they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from simharness.core import trace
from simharness.core.execution import Execution, Program
from simharness.core.step import Step
from simharness.core.trace import HappensBefore
from simharness.explore.estimate import UNKNOWN, Coverage, Forecast, SeenClasses
from simharness.explore.sampling.answers import Answers
from simharness.explore.statistics import Statistics


class Policy(Protocol):
    """Decides who goes next."""

    def begin(self) -> None:
        """Start a new execution."""

    def pick(self, enabled: list[int]) -> int:
        """Return the process that takes the next step, one of ``enabled`` (never empty)."""

    def ran(self, step: Step, enabled: list[int]) -> None:
        """Take note of the step that was taken while ``enabled`` could run."""

    def end(self, length: int) -> None:
        """Take note that the execution is complete after ``length`` steps."""


class Sampler:
    """Draws executions without end; whoever consumes them sets the limits.

    What was drawn is in the steps: running the processes in their order, with the values that they took, gives the
    same execution without any chance.

    Args:
        program: starts an execution; must record footprints.
        policy: decides who goes next.
        answers: decides about data.
    """

    exhausted = False

    def __init__(self, program: Program, policy: Policy, answers: Answers) -> None:
        self._program = program
        self._policy = policy
        self._answers = answers
        self.statistics = Statistics()
        self.classes = SeenClasses()

    def executions(self) -> Iterator[Execution]:
        """Yield one execution after the other."""
        while True:
            execution = self._program()
            try:
                self._run(execution)
                self._count(execution)
                yield execution
            finally:
                execution.close()

    def _run(self, execution: Execution) -> None:
        policy = self._policy
        policy.begin()
        self._answers.begin()
        execution.draw_with(self._answers.answer)
        while enabled := execution.enabled():
            # Alone, a process needs no decision; but the policy must still see its steps.
            process = policy.pick(enabled) if len(enabled) > 1 else enabled[0]
            policy.ran(execution.step(process), enabled)
        policy.end(len(execution.steps))

    def _count(self, execution: Execution) -> None:
        statistics = self.statistics
        fingerprint = trace.fingerprint(execution.steps, HappensBefore(execution.steps))
        statistics.executions += 1
        statistics.steps += len(execution.steps)
        statistics.duplicates += fingerprint in statistics.fingerprints
        statistics.fingerprints.add(fingerprint)
        self.classes.add(fingerprint)

    def estimate(self, elapsed_s: float) -> Forecast:
        """Return that nothing is known: sampling has no end."""
        return UNKNOWN

    def coverage(self) -> Coverage | None:
        """Return how much of the interleavings was seen."""
        return self.classes.coverage()
