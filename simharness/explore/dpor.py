"""Optimal dynamic partial order reduction by re-execution, with probe replay.

The algorithm is Optimal-DPOR with wakeup trees (Abdulla, Aronis, Jonsson, Sagonas, POPL 2014 / JACM 2017). It
explores exactly one execution of every Mazurkiewicz trace. Where we differ:

* *Probe replay.* In a program whose steps touch what they touch depending on what they read, the reversed step need
  not have the footprint that it had. Before a reversal is planned it is replayed once, and the footprint and the
  predecessors of the reversed step are the measured ones. Taking the recorded ones loses executions.
* *Experience.* What a step did after the same causal past, in another execution or probe, it does again; then nothing
  is replayed. See ``experience``.
* *Probe audit.* The body of every probe re-runs recorded steps in another order with which they were said to
  commute. If one of them has another footprint now, something is shared that no key stands for: an error, no verdict.
* *Waiting.* A step that waits for a lock is disabled. Its race is not with the release, which let it go, but with the
  step that took the lock; see ``races.holders``.
* *Data choices.* A step with choices inside is a branch over all their values at its node, not a race.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace

from simharness.core import name, trace
from simharness.core.execution import Execution, Program
from simharness.core.footprint import conflicting
from simharness.core.step import Step
from simharness.core.trace import HappensBefore
from simharness.errors import ReplayDiverged
from simharness.explore.experience import Experience
from simharness.explore.probes import Probe, audit, same_questions
from simharness.explore.races import holders, may_wait, not_after, races, without_the_dead
from simharness.explore.statistics import Statistics
from simharness.explore.wakeup import Asleep, Event, Node, Sequence, Sleep, Values, insert


@dataclass(slots=True)
class Frame:
    """A node of the search: the state after a prefix of choices.

    Args:
        sleep: events whose continuations were explored from here or from above, with their footprints.
        tree: what is still owed.
        opened: whether the enabled processes were looked at.
        current: the event that is being explored from here, and what it touched.
        pending: the combinations of data choices of the current event that are still to come.
        explored: whether any event was followed from here.
        barren: processes all of whose combinations of data choices turned out to be asleep.
        every: whether all combinations of the current event are owed, or only the given one.
        probes: what the reversed step does, by schedule; None if it cannot run.
        enabled: the processes that can run here; None: nobody looked.
    """

    sleep: Sleep
    tree: Node
    opened: bool = False
    current: tuple[tuple[int, Values], Asleep] | None = None
    explored: bool = False
    barren: set[int] = field(default_factory=set)
    pending: tuple[int, Values] | None = None
    every: bool = True
    probes: dict[tuple[tuple[int, Values], ...], Probe | None] = field(default_factory=dict)
    enabled: frozenset[int] | None = None


class OptimalExplorer:
    """Depth-first search over the executions of a program, one for each trace.

    Args:
        program: starts an execution.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.statistics = Statistics()
        self.frames: list[Frame] = [Frame(Sleep(), Node())]
        self.path: list[tuple[int, Values]] = []
        self.experience = Experience()
        self._execution: Execution | None = None

    # -- driving ------------------------------------------------------------------------------------------

    def executions(self) -> Generator[Execution, None, None]:
        """Yield every execution when it is complete; the search stands still until the next is asked for.

        The consumer must not step or close the execution. When the iterator is exhausted, so is the tree.
        """
        try:
            while self.frames:
                yield from self._advance()
        finally:
            self._drop()

    def _advance(self) -> Iterator[Execution]:
        frame = self.frames[-1]
        if not frame.opened:
            execution = self._at_depth()
            enabled = execution.enabled()
            frame.opened, frame.enabled = True, frozenset(enabled)
            if not enabled:
                yield from self._complete(execution)
                return
            if not frame.tree.children and not self._choose_first(frame, enabled):
                self.statistics.blocked += 1
                self._retreat()
                return
        if frame.pending is None and not self._take_branch(frame):
            self.statistics.blocked += not frame.explored
            self._retreat()
            return
        self._descend(frame)

    def _choose_first(self, frame: Frame, enabled: list[int]) -> bool:
        """Plan the first process in base order that is not asleep; one whose choices are partly asleep comes last."""
        sleeping = {process for process, _ in frame.sleep}
        for process in enabled:
            if process not in sleeping:
                frame.tree.children.append((Event(process, None, None), Node()))
                return True
        for process in enabled:
            if (process, ()) not in frame.sleep and process not in frame.barren:
                frame.tree.children.append((Event(process, None, None), Node()))
                return True
        return False

    def _take_branch(self, frame: Frame) -> bool:
        """Start the next child of the wakeup tree; return False if none is left."""
        if not frame.tree.children:
            return False
        event, _ = frame.tree.children[0]
        frame.every = event.values is None
        frame.pending = (event.process, event.values or ())
        return True

    def _descend(self, frame: Frame) -> None:
        """Take the pending event and open the node behind it."""
        assert frame.pending is not None
        process, values = frame.pending
        execution = self._at_depth()
        if process not in execution.enabled():
            raise ReplayDiverged(len(self.path), name.text(process), _offered(execution))
        step = execution.step(process, values)
        self.statistics.steps += 1
        taken = step.values
        following = self._combination_after(step) if frame.every else None
        frame.pending = (process, following) if following is not None else None
        if (process, taken) in frame.sleep:
            self._skip(frame)
            return
        frame.current = ((process, taken), Asleep(step.footprint, step.options))
        frame.explored = True
        _, subtree = frame.tree.children[0]
        self.path.append((process, taken))
        # A leaf stays a leaf: what follows it is free, and insertions from above must go on seeing that.
        self.frames.append(Frame(frame.sleep.after(process, step.footprint), subtree if subtree.children else Node()))

    def _skip(self, frame: Frame) -> None:
        """Leave out a combination of choices that was explored from above; the execution has gone too far."""
        self._drop()
        if frame.pending is not None:
            return
        event, _ = frame.tree.children.pop(0)
        if not frame.tree.children and not frame.explored:
            frame.barren.add(event.process)
            self._choose_first(frame, self._at_depth().enabled())

    def _retreat(self) -> None:
        """Leave the last node and put the event that led to it to sleep."""
        self.frames.pop()
        if not self.frames:
            return
        frame = self.frames[-1]
        assert frame.current is not None
        event, asleep = frame.current
        self.path.pop()
        frame.sleep[event] = asleep
        frame.current = None
        if frame.pending is None:
            frame.tree.children.pop(0)

    # -- executions ---------------------------------------------------------------------------------------

    def _at_depth(self) -> Execution:
        """Return an execution that stands exactly at the current node, replaying the path if necessary."""
        execution = self._execution
        if execution is None or len(execution.steps) != len(self.path):
            self._drop()
            execution = self._execution = self._replay(self.path)
        return execution

    def _replay(self, path: list[tuple[int, Values]]) -> Execution:
        execution = self.program()
        for position, (process, values) in enumerate(path):
            if process not in execution.enabled():
                offered = _offered(execution)
                execution.close()
                raise ReplayDiverged(position, name.text(process), offered)
            execution.step(process, values)
        self.statistics.steps += len(path)
        return execution

    def _drop(self) -> None:
        if self._execution is not None:
            self._execution.close()
            self._execution = None

    def _complete(self, execution: Execution) -> Iterator[Execution]:
        """Count a complete execution, hand it out, and plan the reversals of its races."""
        order = HappensBefore(execution.steps)
        statistics = self.statistics
        statistics.executions += 1
        fingerprint = trace.fingerprint(execution.steps, order)
        if fingerprint in statistics.fingerprints:
            statistics.duplicates += 1
        statistics.fingerprints.add(fingerprint)
        yield execution
        steps = execution.steps
        self.experience.learn(steps, order)
        self._drop()  # first: there is one database, one heap, one running execution
        self._plan(steps, order)
        self._retreat()

    # -- races --------------------------------------------------------------------------------------------

    def _plan(self, steps: list[Step], order: HappensBefore) -> None:
        """Owe every race of the execution its reversal, to the node before the race."""
        for i, j in self._races(steps, order):
            if self._owe(steps, order, i, j) or not may_wait(steps[j]):
                continue
            # If it was held back until step i, its race is with the step that took what it was waiting for.
            any(self._owe(steps, order, k, j) for k in holders(steps, order, i, j))

    # What a search of a part of the tree, or one in several processes, does in another way.

    def _races(self, steps: list[Step], order: HappensBefore) -> Iterator[tuple[int, int]]:
        return races(steps, order)

    def _body(self, steps: list[Step], order: HappensBefore, i: int, j: int) -> list[int]:
        return without_the_dead(steps, order, not_after(order, i), j)

    def _combination_after(self, step: Step) -> Values | None:
        return following(step.values, step.options)

    def _insert(self, position: int, reversal: Sequence, options: tuple[Values, ...]) -> None:
        insert(self.frames[position].tree, reversal)

    def _owe(self, steps: list[Step], order: HappensBefore, i: int, j: int) -> bool:
        """Owe the reversal of step j against step i, unless it was explored; return whether j can run before i."""
        frame = self.frames[i]
        body = self._body(steps, order, i, j)
        if steps[j].mortal and any(steps[k].ends for k in body):
            return True  # after the crash it is gone; the execution that does not crash there has the same race
        sequence = _sequence(steps, order, body)
        if not may_wait(steps[j]) and any(sequence.begins_with(*event) for event in frame.sleep):
            return True
        found = self._reversals(frame, steps, order, i, j, body)
        for probe in found:
            reversal = Sequence(
                [*sequence.events, Event(steps[j].process, probe.values, probe.footprint)],
                [*sequence.predecessors, {body.index(k) for k in probe.predecessors}],
            )
            if not frame.sleep.covers(reversal):
                self._insert(i, reversal, (*[steps[k].options for k in body], probe.options))
        return bool(found)

    def _reversals(
        self, frame: Frame, steps: list[Step], order: HappensBefore, i: int, j: int, body: list[int]
    ) -> list[Probe]:
        """Return what step j does when it comes before step i; nothing if it cannot run then.

        It is asked with the data choices that it took: with others it may not even conflict with step i. If it is
        asked other questions there, every combination of answers is owed, for nobody else knows of them.
        """
        probe = self._probe(frame, steps, order, i, j, body, steps[j].values)
        if probe is None:
            return []
        found = [probe]
        if same_questions(probe.options, steps[j].options):
            return found
        values: Values | None = ()
        while values is not None:
            other = self._probe(frame, steps, order, i, j, body, values)
            if other is None:
                break
            if other.values != probe.values:
                found.append(other)
            values = following(other.values, other.options)
        return found

    def _probe(
        self,
        frame: Frame,
        steps: list[Step],
        order: HappensBefore,
        i: int,
        j: int,
        body: list[int],
        values: Values,
    ) -> Probe | None:
        """Return what step j does, with these data choices, when it comes before step i.

        What j does is decided by its causal past; so only that is replayed first, and many executions share the
        result. If the footprint turns out to conflict with anything else in the body, the whole body is replayed.
        Nothing is, if it is known already.
        """
        if values == steps[j].values:
            known = self.experience.recall(steps, order, i, j, body)
            if known is not None:
                return known
        near = [k for k in body if order.past[j] >> k & 1]
        if not near and frame.enabled is not None and steps[j].process not in frame.enabled:
            return None  # seen when this node was opened: something holds it back
        probe = self._measured(frame, steps, i, j, near, values)
        if probe is None or len(near) == len(body):
            return probe
        close = set(near)
        if any(conflicting(probe.footprint, steps[k].footprint) for k in body if k not in close):
            return self._measured(frame, steps, i, j, body, values)
        return probe

    def _measured(
        self, frame: Frame, steps: list[Step], i: int, j: int, body: list[int], values: Values
    ) -> Probe | None:
        schedule = (*[(steps[k].process, steps[k].values) for k in body], (steps[j].process, values))
        if schedule not in frame.probes:
            frame.probes[schedule] = self._measure(steps, i, j, body, values)
        known = frame.probes[schedule]
        if known is None:
            return None
        return replace(known, predecessors=frozenset(body[position] for position in known.predecessors))

    def _measure(self, steps: list[Step], i: int, j: int, body: list[int], values: Values) -> Probe | None:
        path = [(step.process, step.values) for step in steps[:i]]
        path += [(steps[k].process, steps[k].values) for k in body]
        self.statistics.probes += 1
        execution = self._replay(path)
        try:
            for offset, k in enumerate(body):
                audit(steps[k], execution.steps[i + offset], steps[i])
            if steps[j].process not in execution.enabled():
                return None
            try:
                step = execution.step(steps[j].process, values)
            except ReplayDiverged:
                if not values:
                    raise
                # It is asked something else here; begin with the first answer to whatever that is.
                return self._measure(steps, i, j, body, ())
            self.statistics.steps += 1
            order = HappensBefore(execution.steps)
            last = len(execution.steps) - 1
            self.experience.learn(execution.steps, order, since=last)
            predecessors = frozenset(a for a in range(len(body)) if order.before(i + a, last))
            return Probe(step.footprint, predecessors, step.values, step.options)
        finally:
            execution.close()


def _sequence(steps: list[Step], order: HappensBefore, body: list[int]) -> Sequence:
    place = {k: position for position, k in enumerate(body)}
    predecessors = []
    for k in body:
        past = order.past[k]
        predecessors.append({position for earlier, position in place.items() if earlier != k and past >> earlier & 1})
    return Sequence([Event(steps[k].process, steps[k].values, steps[k].footprint) for k in body], predecessors)


def following(values: Values, options: Values) -> Values | None:
    """Return the combination of data choices after ``values``, or None after the last."""
    for position in range(len(values) - 1, -1, -1):
        if values[position] + 1 < options[position]:
            return (*values[:position], values[position] + 1)
    return None


def _offered(execution: Execution) -> str:
    return ", ".join(name.text(process) for process in execution.enabled()[:5]) or "nothing"
