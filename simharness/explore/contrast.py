"""Finds the passing execution that is nearest to a failing one: the same with one race the other way round."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simharness.core.execution import Execution, Program
from simharness.core.step import Step
from simharness.core.trace import HappensBefore
from simharness.errors import ReplayDiverged
from simharness.explore.races import races
from simharness.explore.replay import path_of
from simharness.explore.wakeup import Values

_ATTEMPTS = 80

Path = list[tuple[int, Values]]


def nearest_passing(program: Program, steps: Sequence[Step], passes: Callable[[Execution], bool]) -> Path | None:
    """Return the path of a passing execution that differs from ``steps`` by one reversed race, or None.

    Args:
        program: starts an execution.
        steps: the failing execution.
        passes: judges a complete execution.
    """
    order = HappensBefore(steps)
    # The last races first: the decisive one is usually near the violation.
    for i, j in sorted(races(steps, order), key=lambda race: -race[1])[:_ATTEMPTS]:
        before_j = [k for k in range(i + 1, j) if order.past[j] >> k & 1 and not order.past[k] >> i & 1]
        head = [*path_of(steps[:i]), *path_of([steps[k] for k in before_j]), (steps[j].process, steps[j].values)]
        try:
            execution = _along(program, head, steps)
        except (ReplayDiverged, IndexError):
            continue
        try:
            if passes(execution):
                return path_of(execution.steps)
        finally:
            execution.close()
    return None


def _along(program: Program, head: Path, steps: Sequence[Step]) -> Execution:
    """Run ``head``, then stay as close to the order of ``steps`` as the program allows."""
    execution = program()
    try:
        for position, (process, values) in enumerate(head):
            if process not in execution.enabled():
                raise ReplayDiverged(position, "the reversed race", "something else")
            execution.step(process, values)
        left = path_of(steps)
        for move in head:
            if move in left:
                left.remove(move)
        while enabled := execution.enabled():
            following = next((move for move in left if move[0] in enabled), (enabled[0], ()))
            if following in left:
                left.remove(following)
            execution.step(*following)
    except BaseException:
        execution.close()
        raise
    return execution
