"""Races of an execution: pairs of steps that could have happened the other way round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simharness.core.step import Kind, Step
from simharness.core.trace import HappensBefore


def races(steps: Sequence[Step], order: HappensBefore) -> Iterator[tuple[int, int]]:
    """Yield ``(i, j)``: i and j conflict, nothing stands between them, and i did not enable j.

    The direct predecessors of a step are candidates; one that happens before another candidate is not adjacent.
    A step that woke another up can never come after it, so an edge of enabling is not a race.
    """
    past = order.past
    for j, step in enumerate(steps):
        direct = order.direct[j]
        # Sorted: set order is arbitrary, and the order of insertion decides the order of exploration.
        for i in sorted(order.conflicts[j], reverse=True):
            if steps[i].process == step.process or step.cause == i:
                continue
            if not any(k != i and past[k] >> i & 1 for k in direct):
                yield i, j


def may_wait(step: Step) -> bool:
    """Return whether a step may have been held back, by a lock, until another had run.

    Not ``waited`` alone: that it was offered before it was let go is a matter of the schedule. In an equivalent one the
    lock is free again by the time it is offered, and its race with whoever took the lock is the same.
    """
    return step.waited or step.kind is Kind.EXECUTE


def holders(steps: Sequence[Step], order: HappensBefore, i: int, j: int) -> Iterator[int]:
    """Yield the steps that may have held j back until i let it go, the nearest first.

    Step j cannot run before i if i released what j was waiting for. Its race is then with whoever took that: the two
    are not adjacent, for i stands between them, but without the taker and all that follows from it j can run.
    """
    step = steps[j]
    keys = step.footprint.reads | step.footprint.writes | step.footprint.adds
    own = max((k for k in order.direct[j] if steps[k].process == step.process), default=None)
    needed = order.past[own] if own is not None else 0
    if step.cause is not None:
        needed |= order.past[step.cause]
    for k in range(i - 1, -1, -1):
        if needed >> k & 1:
            continue  # what j itself follows from
        if order.past[i] >> k & 1 and not keys.isdisjoint(steps[k].footprint.writes):
            yield k


def without_the_dead(steps: Sequence[Step], order: HappensBefore, body: list[int], j: int) -> list[int]:
    """Leave out what a crash in ``body``, or step ``j`` if it is one, leaves nothing of.

    A step in the program's memory, or a statement that was never committed, commutes with the crash as far as anything
    that survives can tell, so nothing orders the two; but it cannot come after the crash. A planned sequence that holds
    both could be merged into a branch that crashes first, and would ask for a step that is gone. Without the step the
    sequence comes to the same: what follows from it and survives happens before the crash, and then so does the step.
    """
    for end in [k for k in (*body, j) if steps[k].ends]:
        past = order.past[end]
        body = [k for k in body if k > end or not steps[k].mortal or past >> k & 1]
    return body


def not_after(order: HappensBefore, i: int) -> list[int]:
    """Return the positions after ``i`` that do not happen after it: the whole rest of the execution counts."""
    past = order.past
    return [k for k in range(i + 1, len(past)) if not past[k] >> i & 1]
