"""What steps touched, by what happened before them: most probes need no replay.

What a step does is decided by its causal past. So if it is known what a step did after some past, in any execution or
probe, it is known what it does after every sequence of steps in which it has the same past; and whether it has that
past is a question to the footprint alone: its predecessors are those that it follows from (the step before it in its
process, the step that enabled it), those that its footprint conflicts with, and theirs.

The same is a check, of every step that is executed: with the same past it must touch the same keys.
"""

from __future__ import annotations

from collections.abc import Sequence

from simharness.core.footprint import Footprint, conflicting
from simharness.core.step import Step
from simharness.core.trace import HappensBefore, step_fingerprints, sum_of
from simharness.errors import SelfCheckFailed
from simharness.explore.probes import Probe, differences
from simharness.explore.wakeup import Values

# Beyond so many the oldest are forgotten: the search is depth first, so what it will need is what it did lately.
LIMIT = 8_000

# The process, the number of the step in it, and fingerprints of the two steps that it follows from.
_Event = tuple[int, int, int, int]
# The data choices, and a fingerprint of the whole past.
_Past = tuple[Values, int]


class Experience:
    """Footprints of steps by their causal pasts."""

    def __init__(self) -> None:
        self._known: dict[_Event, dict[_Past, Footprint]] = {}
        self._size = 0

    def learn(self, steps: Sequence[Step], order: HappensBefore, *, since: int = 0) -> None:
        """Take in what the steps touched, from position ``since`` on.

        Raises:
            SelfCheckFailed: one of them had the same past before and touched other keys.
        """
        prints = step_fingerprints(steps, order)
        for position in range(since, len(steps)):
            step = steps[position]
            if step.options or step.ends:
                # What is asked may depend on a budget that independent steps share; and nothing orders a crash.
                continue
            known = self._known.setdefault(_event(steps, order, prints, position), {})
            past = step.values, order.sums[position]
            before = known.get(past)
            if before is None:
                known[past] = step.footprint
                self._size += 1
            elif before != step.footprint:
                raise SelfCheckFailed(
                    f"determinism audit: {step} touches other keys than after the same steps before it in another "
                    f"execution ({differences(before, step.footprint)}): state is shared that simharness does not see"
                )
        while self._size > LIMIT:
            self._size -= len(self._known.pop(next(iter(self._known))))

    def recall(self, steps: Sequence[Step], order: HappensBefore, i: int, j: int, body: Sequence[int]) -> Probe | None:
        """Return what step ``j`` does after ``steps[:i]`` and ``body``; None if that is not known.

        If it is known, the step can run there.
        """
        step = steps[j]
        if step.options or step.ends:
            return None
        prints = step_fingerprints(steps, order)
        before = (1 << i) - 1
        for k in body:
            before |= 1 << k
        needed = 0
        for k in followed(steps, order, j):
            needed |= order.past[k]
        if needed & ~before:
            return None
        for (values, past), footprint in self._known.get(_event(steps, order, prints, j), {}).items():
            found = needed | _touched(steps, order, before & ~needed, footprint)
            if not values and not found & ~before and sum_of(found, prints) == past:
                return Probe(footprint, frozenset(k for k in body if found >> k & 1), (), ())
        return None


def followed(steps: Sequence[Step], order: HappensBefore, position: int) -> list[int]:
    """Return the step before this one in its process, and the one that enabled it, as far as there are any."""
    step = steps[position]
    own = max((k for k in order.direct[position] if steps[k].process == step.process), default=None)
    return [k for k in (own, step.cause) if k is not None]


def _event(steps: Sequence[Step], order: HappensBefore, prints: Sequence[int], position: int) -> _Event:
    step = steps[position]
    own = cause = 0
    for k in order.direct[position]:
        if steps[k].process == step.process:
            own = max(own, k + 1)
    if step.cause is not None:
        cause = prints[step.cause]
    return step.process, step.index, prints[own - 1] if own else 0, cause


def _touched(steps: Sequence[Step], order: HappensBefore, among: int, footprint: Footprint) -> int:
    """Return the steps ``among`` a set that a footprint conflicts with, and all that happens before them."""
    found = 0
    while among:
        last = among.bit_length() - 1
        if conflicting(footprint, steps[last].footprint):
            found |= order.past[last]
            among &= ~order.past[last]
        else:
            among ^= 1 << last
    return found
