"""Every schedule, one after the other, without any theory: the yardstick for the reductions."""

from __future__ import annotations

from collections.abc import Iterator

from simharness.core.execution import Execution, Program
from simharness.explore.wakeup import Values

_Move = tuple[int, Values]


def every_execution(program: Program) -> Iterator[Execution]:
    """Yield every execution of a program, depth first, by re-execution.

    No footprint is used: two schedules that differ in the order of independent steps are both executed.
    """
    owed: list[tuple[_Move, ...]] = [()]
    while owed:
        prefix = owed.pop()
        execution = program()
        try:
            path = list(prefix)
            for position, (process, values) in enumerate(prefix):
                step = execution.step(process, values)
                if position == len(prefix) - 1:
                    owed.extend(_other_values(path[:-1], process, step.values, step.options, len(values)))
                path[position] = (process, step.values)
            while enabled := execution.enabled():
                owed.extend([(*path, (process, ())) for process in reversed(enabled[1:])])
                step = execution.step(enabled[0])
                owed.extend(_other_values(path, enabled[0], step.values, step.options, 0))
                path.append((enabled[0], step.values))
            yield execution
        finally:
            execution.close()


def _other_values(
    path: list[_Move], process: int, values: Values, options: Values, given: int
) -> list[tuple[_Move, ...]]:
    """Return the prefixes that answer a later question of this step otherwise; ``given`` answers were prescribed."""
    found = []
    for position in range(len(values) - 1, given - 1, -1):
        for value in range(options[position] - 1, values[position], -1):
            found.append((*path, (process, (*values[:position], value))))  # noqa: PERF401 — two loops read better
    return found
