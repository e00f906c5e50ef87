"""From a path to a schedule and back: what makes a finding repeatable."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simharness.core import name
from simharness.core.execution import Execution, Program
from simharness.core.schedule import Schedule, from_decisions
from simharness.core.step import Step
from simharness.core.trace import HappensBefore
from simharness.errors import ReplayDiverged
from simharness.explore.wakeup import Values

Path = Sequence[tuple[int, Values]]

Look = Callable[[Execution, list[int]], None]


def path_of(steps: Sequence[Step]) -> list[tuple[int, Values]]:
    """Return who ran, with which data choices."""
    return [(step.process, step.values) for step in steps]


def follow(program: Program, schedule: Schedule, look: Look | None = None) -> Execution:
    """Run a schedule to the end of the execution; after its last deviation the base order goes on.

    Args:
        program: starts an execution.
        schedule: the choices.
        look: called before each step with the execution and the processes that are enabled.

    Returns:
        The complete execution; the caller closes it.

    Raises:
        ReplayDiverged: the program does not offer what the schedule asks for.
    """
    execution = program()
    try:
        decisions = schedule.by_step()
        while enabled := execution.enabled():
            if look is not None:
                look(execution, enabled)
            position = len(execution.steps)
            decision = decisions.get(position)
            index, values = (decision.index, decision.values) if decision is not None else (0, ())
            if index >= len(enabled):
                expected = f"choice {index + 1} of the processes that can run"
                raise ReplayDiverged(position, expected, f"{len(enabled)} of them")
            execution.step(enabled[index], values)
        if schedule.deviations and len(execution.steps) <= schedule.deviations[-1].step:
            missing = schedule.deviations[-1].step
            raise ReplayDiverged(len(execution.steps), f"a choice at step {missing}", "the end of the execution")
    except BaseException:
        execution.close()
        raise
    return execution


def walk(program: Program, path: Path) -> tuple[Execution, Schedule]:
    """Run a path, then the base order to the end; return the complete execution and its schedule.

    Raises:
        ReplayDiverged: a process of the path is not enabled when its turn comes.
    """
    execution = program()
    decisions: list[tuple[int, Values]] = []
    try:
        for position, (process, values) in enumerate(path):
            enabled = execution.enabled()
            if process not in enabled:
                offered = ", ".join(name.text(each) for each in enabled[:5]) or "nothing"
                raise ReplayDiverged(position, name.text(process), offered)
            step = execution.step(process, values)
            decisions.append((enabled.index(process), step.values))
        while enabled := execution.enabled():
            decisions.append((0, execution.step(enabled[0]).values))
    except BaseException:
        execution.close()
        raise
    return execution, from_decisions(decisions)


def straightened(program: Program, steps: Sequence[Step]) -> list[tuple[int, Values]]:
    """Return a path to the same interleaving that stays in base order wherever the interleaving allows it.

    Greedy: at each step the first process in base order goes whose next step has its whole causal past behind it.
    """
    order = HappensBefore(steps)
    place = {(step.process, step.index): position for position, step in enumerate(steps)}
    done = 0
    path: list[tuple[int, Values]] = []
    taken: dict[int, int] = {}
    first_index: dict[int, int] = {}
    for step in steps:
        first_index.setdefault(step.process, step.index)
    execution = program()
    try:
        while len(path) < len(steps):
            for process in execution.enabled():
                index = first_index.get(process, -1) + taken.get(process, 0)
                position = place.get((process, index))
                if position is not None and not order.past[position] & ~(1 << position) & ~done:
                    break
            else:
                raise ReplayDiverged(len(path), "a step of the interleaving", "none of them")
            values = steps[position].values
            execution.step(process, values)
            done |= 1 << position
            taken[process] = taken.get(process, 0) + 1
            path.append((process, values))
    finally:
        execution.close()
    return path
