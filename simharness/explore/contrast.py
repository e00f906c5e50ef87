"""Finds the passing execution that is nearest to a failing one: the same with one event moved forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from simharness.core.execution import Execution, Program
from simharness.core.footprint import conflicting
from simharness.core.step import Kind, Step
from simharness.errors import ReplayDiverged
from simharness.explore.replay import path_of
from simharness.explore.wakeup import Values

_ATTEMPTS = 60

Path = list[tuple[int, Values]]


def nearest_passing(
    program: Program, steps: Sequence[Step], passes: Callable[[Execution], bool], until: int | None = None
) -> Path | None:
    """Return the path of a passing execution in which one step comes before another that it conflicts with, or None.

    Args:
        program: starts an execution.
        steps: the failing execution.
        passes: judges a complete execution.
        until: position of the step that completed the violation; pairs before it are tried first.
    """
    for attempt, (i, j, needed) in enumerate(_swaps(steps, until)):
        if attempt >= _ATTEMPTS:
            break
        head = [*path_of(steps[:i]), *path_of([steps[k] for k in needed]), (steps[j].process, steps[j].values)]
        try:
            execution = _along(program, head, steps)
        except ReplayDiverged:
            continue  # something holds the step back, a lock for instance
        try:
            if passes(execution):
                return path_of(execution.steps)
        finally:
            execution.close()
    return None


def _swaps(steps: Sequence[Step], until: int | None) -> Iterator[tuple[int, int, list[int]]]:
    """Yield pairs of conflicting steps of which the later can come first, with what the later one needs.

    What it needs is what caused it, not what merely happened to come before: a COMMIT needs its own statements, not
    the SELECT of somebody else. Pairs of outside events come first (they are what a reader understands), and among
    them those that are nearest to the violation.
    """
    causes = _causal_pasts(steps)
    last = len(steps) - 1 if until is None else until
    pairs = []
    for j, later in enumerate(steps):
        for i in range(j):
            if causes[j] >> i & 1 or not conflicting(steps[i].footprint, later.footprint):
                continue
            outside = (steps[i].kind is Kind.EXECUTE) + (later.kind is Kind.EXECUTE)
            pairs.append((j > last, -outside, -j, -i))
    for _, _, minus_j, minus_i in sorted(pairs):
        i, j = -minus_i, -minus_j
        yield i, j, [k for k in range(i + 1, j) if causes[j] >> k & 1]


def _causal_pasts(steps: Sequence[Step]) -> list[int]:
    """Return for each step the set of steps that caused it: its process so far, and who woke it up."""
    last: dict[int, int] = {}
    pasts: list[int] = []
    for position, step in enumerate(steps):
        past = 1 << position
        if step.process in last:
            past |= pasts[last[step.process]]
        if step.cause is not None:
            past |= pasts[step.cause]
        pasts.append(past)
        last[step.process] = position
    return pasts


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
