"""Can an unmodified asyncio loop produce this interleaving? If so, with which deliveries when?

The semantics ``stock`` lets every cascade advance on its own. A real loop runs one first-in-first-out queue: per
iteration it takes what the selector has, then the timers that are due, then runs everything that was in the queue at
that moment. A reply from a thread lands in the queue at any moment. So only the moments of delivery are free, and
whether some choice of them yields the trace is a search over those, without running anything.

The label goes to the whole trace: the order of independent steps may differ, everything that can be observed may not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simharness.core.step import Arrival, Kind, Step
from simharness.core.trace import HappensBefore

MAX_NODES = 50_000

Deliveries = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Realisation:
    """The answer.

    Args:
        reachable: True, False, or None if the search gave up.
        deliveries: for each delivery or timer in order: the position of its step, and how many callbacks the loop had
            run before it was put into the queue.
    """

    reachable: bool | None
    deliveries: Deliveries = ()


class _State(NamedTuple):
    """What a stock loop looks like in the middle of the search.

    ``left`` is the number of callbacks of the running iteration that are still in front of the queue, 0 between two
    iterations; ``timers`` says that the selector of this iteration has been read already.
    """

    done: int
    ready: tuple[int, ...]
    left: int
    pending: frozenset[int]
    timers: bool


class _Search:
    def __init__(
        self, steps: Sequence[Step], order: HappensBefore, limit: int, accepts: Callable[[Deliveries], bool] | None
    ) -> None:
        self.steps = steps
        self.limit = limit
        self.accepts = accepts
        self.before = [order.past[j] & ~(1 << j) for j in range(len(steps))]
        self.all = (1 << len(steps)) - 1
        self.callback = sum(1 << j for j, step in enumerate(steps) if step.kind is not Kind.EXECUTE)
        self.previous = _previous_in_process(steps)
        self.callbacks, self.world = _offspring(steps)
        self.seen: set[tuple[_State, tuple[int, ...]]] = set()

    def run(self) -> Realisation:
        """Search depth first, newest state first."""
        starting = [j for j, step in enumerate(self.steps) if step.cause is None]
        ready = tuple([j for j in starting if self.steps[j].kind is Kind.HANDLE])
        pending = frozenset(j for j in starting if self.steps[j].kind is not Kind.HANDLE)
        stack: list[tuple[_State, Deliveries]] = [(self._settle(_State(0, ready, 0, pending, timers=False)), ())]
        while stack:
            state, deliveries = stack.pop()
            if state.done == self.all:
                return Realisation(reachable=True, deliveries=deliveries)
            # Where deliveries have their moments, what may come depends on the order in which the others came.
            came = () if self.accepts is None else tuple([j for j, _ in deliveries])
            if (state, came) in self.seen:
                continue
            self.seen.add((state, came))
            if len(self.seen) > self.limit:
                return Realisation(reachable=None)
            ran = state.done.bit_count()
            moves = [(after, (*deliveries, (j, ran))) for j, after in self._deliver(state)]
            if self.accepts is not None:
                moves = [move for move in moves if self.accepts(move[1])]
            after_run = self._run_front(state)
            if after_run is not None:
                moves.insert(0, (after_run, deliveries))
            # The stack is last in, first out: what the trace did first is tried first.
            stack.extend(reversed(moves))
        return Realisation(reachable=False)

    def _settle(self, state: _State) -> _State:
        """Let the outside act as soon as it can: an earlier execution only adds possibilities."""
        done, pending = state.done, set(state.pending)
        progress = True
        while progress:
            progress = False
            for j in sorted(pending):
                if self.steps[j].kind is Kind.EXECUTE and not self.before[j] & ~done:
                    done |= 1 << j
                    pending.discard(j)
                    pending.update(self.world[j])
                    progress = True
        return _State(done, state.ready, state.left, frozenset(pending), state.timers)

    def _deliver(self, state: _State) -> list[tuple[int, _State]]:
        queued = 0
        for j in state.ready:
            queued |= 1 << j
        found = []
        for j in sorted(state.pending):
            step = self.steps[j]
            previous = self.previous[j]
            if step.kind is Kind.EXECUTE or not self._may_land(step, state):
                continue
            if previous is not None and not (state.done | queued) >> previous & 1:
                continue
            if self._too_early(j, state.done | queued):
                continue
            found.append(
                (
                    j,
                    _State(
                        state.done,
                        (*state.ready, j),
                        state.left,
                        state.pending - {j},
                        state.timers or step.kind is Kind.TIMER,
                    ),
                )
            )
        return found

    def _too_early(self, j: int, ahead: int) -> bool:
        """Tell whether a callback that joins the queue now would come to its turn before one that happens before it.

        The queue is first in, first out: what has neither run nor stands in front of it comes later. The search would
        notice when it gets there, after it has tried all orders of everything else.
        """
        return bool(self.before[j] & self.callback & ~ahead)

    @staticmethod
    def _may_land(step: Step, state: _State) -> bool:
        if step.arrival is Arrival.THREAD:
            return True
        if state.left:
            return False
        return step.kind is Kind.TIMER or not state.timers

    def _run_front(self, state: _State) -> _State | None:
        """Run the callback in front, if everything that happens before it has happened."""
        if not state.ready:
            return None
        j = state.ready[0]
        if self.before[j] & ~state.done:
            return None
        ahead = state.done
        for k in (*state.ready, *self.callbacks[j]):
            if self._too_early(k, ahead):
                return None
            ahead |= 1 << k
        left = (state.left or len(state.ready)) - 1
        return self._settle(
            _State(
                state.done | 1 << j,
                state.ready[1:] + self.callbacks[j],
                left,
                state.pending | self.world[j],
                timers=bool(left) and state.timers,
            )
        )


def _previous_in_process(steps: Sequence[Step]) -> list[int | None]:
    last: dict[int, int] = {}
    previous: list[int | None] = []
    for j, step in enumerate(steps):
        previous.append(last.get(step.process))
        last[step.process] = j
    return previous


def _offspring(steps: Sequence[Step]) -> tuple[list[tuple[int, ...]], list[frozenset[int]]]:
    """Return for each step the callbacks it scheduled, in order, and the world events it made possible."""
    by_cause: dict[tuple[int, int], list[int]] = {}
    for j, step in enumerate(steps):
        if step.cause is not None:
            by_cause.setdefault((step.cause, step.process), []).append(j)
    callbacks: list[tuple[int, ...]] = []
    world: list[frozenset[int]] = []
    for i, step in enumerate(steps):
        taken: dict[int, int] = {}
        scheduled: list[int] = []
        offered: list[int] = []
        for process, _ in step.children:
            nth = taken.get(process, 0)
            taken[process] = nth + 1
            those = by_cause.get((i, process), [])
            if nth >= len(those):
                continue  # still pending when the execution ended
            j = those[nth]
            (scheduled if steps[j].kind is Kind.HANDLE else offered).append(j)
        callbacks.append(tuple(scheduled))
        world.append(frozenset(offered))
    return callbacks, world


def realise(
    steps: Sequence[Step],
    order: HappensBefore | None = None,
    *,
    limit: int = MAX_NODES,
    accepts: Callable[[Deliveries], bool] | None = None,
) -> Realisation:
    """Return whether a stock loop can produce the interleaving of ``steps``.

    Args:
        steps: a complete execution under the semantics ``stock``.
        order: its happens-before order, if it is at hand.
        limit: give up after so many states of the loop.
        accepts: says whether deliveries can come like this, also of their beginning; None: they can in any order.
    """
    return _Search(steps, HappensBefore(steps) if order is None else order, limit, accepts).run()
