"""Can an interleaving happen if messages take no less and no more than this long?

The search knows nothing of durations: it explores the interleavings of messages that take any time. Those that a given
latency rules out are left out of the result, and only there. Cutting them off inside the search would be wrong: the
races of what comes after the cut would never be seen, and with them interleavings that are possible.

A step happens at a moment, a number that nobody knows, of which this is known:

* a step is not earlier than a step that happens before it;
* a message arrives ``min`` to ``max`` after the step that sent it, and a timer takes its turn exactly its delay after
  the step that started it, also if it was cancelled: whoever cancels it does so before;
* a callback runs at the moment of what scheduled it, for code takes no time; anything else takes any time.

If there are such numbers, then taking the steps in their order is an execution of this interleaving with these times;
so the answer is exact, for the trace and not for one of its orders. The constraints are differences, so numbers exist
unless a circle of constraints has a positive sum (Bellman 1958; timestamps on a partial order: Bengtsson, Jonsson,
Lilius, Yi, "Partial Order Reductions for Timed Systems", CONCUR 1998).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise

from simharness.core.step import Kind, Step
from simharness.core.trace import HappensBefore
from simharness.explore.reachable import Realisation, realise


def possible(steps: Sequence[Step], order: HappensBefore | None = None, landed: Sequence[tuple[int, int]] = ()) -> bool:
    """Return whether the interleaving of ``steps`` can happen with the windows that its steps have.

    Args:
        steps: a complete execution.
        order: its happens-before order, if it is at hand.
        landed: positions of deliveries in the order in which they must come too; see ``reachable.Realisation``.
    """
    direct = (HappensBefore(steps) if order is None else order).direct
    forward = [[(i, 0) for i in each] for each in direct]
    backward: list[tuple[int, int, int]] = []
    for j, step in enumerate(steps):
        window = (0, 0) if step.kind is Kind.HANDLE else step.window
        if step.cause is None or window is None:
            continue
        least, most = window
        forward[j].append((step.cause, least))
        if most is not None:
            backward.append((j, step.cause, most))
    moments = [0] * len(steps)
    chain = [position for position, _ in landed]
    # Every forward edge leads to a later position, so one sweep settles them all; each backward edge may set off
    # another sweep, and a circle without positive sum needs each of them once at most.
    for _ in range(len(backward) + len(chain) + 2):
        changed = _sweep(moments, forward)
        for later, cause, most in backward:
            if moments[cause] < moments[later] - most:
                moments[cause] = moments[later] - most
                changed = True
        changed |= _in_order(moments, chain)
        if not changed:
            return True
    return False


def realised(steps: Sequence[Step], order: HappensBefore | None = None, *, timed: bool) -> Realisation:
    """Return whether a stock loop can do it; if messages have a latency, with deliveries that can come so."""
    order = HappensBefore(steps) if order is None else order
    return realise(steps, order, accepts=partial(possible, steps, order) if timed else None)


def _sweep(moments: list[int], forward: Iterable[list[tuple[int, int]]]) -> bool:
    changed = False
    for j, edges in enumerate(forward):
        earliest = max((moments[i] + least for i, least in edges), default=0)
        if earliest > moments[j]:
            moments[j] = earliest
            changed = True
    return changed


def _in_order(moments: list[int], chain: list[int]) -> bool:
    changed = False
    for earlier, later in pairwise(chain):
        if moments[later] < moments[earlier]:
            moments[later] = moments[earlier]
            changed = True
    return changed
