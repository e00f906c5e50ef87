"""A failing execution held against the nearest passing one: what is the same, where they part, which swap decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, zip_longest

from simharness.core.footprint import EMPTY, conflicting
from simharness.core.step import Kind, Operation, Step
from simharness.core.trace import HappensBefore, step_fingerprints
from simharness.core.verdict import Finding, RecordedExecution
from simharness.report.holdings import subjects_of

Steps = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """One operation of an execution.

    Args:
        step: position of its step.
        operation: its number within the step.
    """

    step: int
    operation: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two dependent operations, [A] before [B] in the failing execution.

    Args:
        first: [A].
        second: [B].
        swapped: True if the passing execution runs them the other way round; False if no passing one is known.
        observed_in_passing: what the read of the pair returned in the passing execution; None if that is the same,
            empty if it found nothing.
    """

    first: Place
    second: Place
    swapped: bool
    observed_in_passing: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a timeline needs to know about a failing execution.

    Args:
        finding: what is wrong with it.
        past: positions in the causal past of the violation; all of them if it names no step.
        same: positions that the passing execution has too, with the same causal past.
        first_difference: position of the first choice that differs; None without a passing execution.
        passing_step: the step that the passing execution took there.
        pair: the operations whose order decides, if there are such.
        swaps: how many reversed races between operations separate the two executions, those left out that follow
            from another.
        overtaker: position of the event that came before [B] here and comes after it in the passing execution.
    """

    finding: Finding
    past: frozenset[int]
    same: frozenset[int]
    first_difference: int | None
    passing_step: int | None
    pair: Pair | None
    swaps: int
    overtaker: int | None


def compare(failing: RecordedExecution, passing: RecordedExecution | None, finding: Finding) -> Comparison:
    """Return how ``failing`` differs from ``passing``, the nearest execution without this finding.

    Args:
        failing: the execution that violates.
        passing: the one that does not, or None if none is known.
        finding: the violation to explain.
    """
    order = HappensBefore(failing.steps)
    past = _past(failing.steps, order, finding)
    if passing is None:
        pair = _pair_by_witness(failing.steps, finding)
        return Comparison(finding, past, frozenset(), None, None, pair, 0, None)
    matched = match(failing.steps, passing.steps)
    candidates = _reversed_races(failing.steps, passing.steps, matched)
    roots = _roots(candidates, order)
    pair = _decisive(_Matched(failing.steps, passing.steps, matched), candidates, _Known(finding, past, roots))
    difference = _first_difference(failing.steps, passing.steps)
    return Comparison(
        finding,
        past,
        _same(failing.steps, order, passing.steps),
        difference,
        difference if difference is not None and difference < len(passing.steps) else None,
        pair,
        len(roots),
        _overtaker(failing.steps, order, matched, pair) if pair else None,
    )


def _past(steps: Steps, order: HappensBefore, finding: Finding) -> frozenset[int]:
    targets = [*finding.witness, *(() if finding.step is None else (finding.step,))]
    known = [target for target in targets if 0 <= target < len(steps)]
    if finding.step is None or not known:
        # A state at rest is wrong: every step had a part in it.
        return frozenset(range(len(steps)))
    return frozenset(position for target in known for position in order.past_of(target))


def _same(failing: Steps, order: HappensBefore, passing: Steps) -> frozenset[int]:
    known = Counter(step_fingerprints(passing, HappensBefore(passing)))
    same = set()
    for position, fingerprint in enumerate(step_fingerprints(failing, order)):
        if known[fingerprint]:
            known[fingerprint] -= 1
            same.add(position)
    return frozenset(same)


def _first_difference(failing: Steps, passing: Steps) -> int | None:
    for position, (ours, theirs) in enumerate(zip_longest(failing, passing)):
        if ours is None:
            return None
        if theirs is None or _identity(ours) != _identity(theirs) or ours.values != theirs.values:
            return position
    return None


def _identity(step: Step) -> tuple[int, int]:
    return step.process, step.index


def _deed(operation: Operation) -> tuple[str, str, str | None, str | None]:
    # What was written and which rows were found may differ between the two: only who did what, where, counts.
    subject = None if operation.effect == "read" else operation.subject
    return operation.lane, operation.effect, subject, operation.source


def match(failing: Steps, passing: Steps) -> dict[int, int]:
    """Return which step of ``passing`` is which of ``failing``.

    First by causal identity, as far as both do the same there; then by what they do, since a statement may run on
    another pooled connection in the other order; then by identity, where both begin alike: what a step finds decides
    what it goes on to do.
    """
    where = {_identity(step): position for position, step in enumerate(passing)}
    matched: dict[int, int] = {}
    for position, step in enumerate(failing):
        other = where.get(_identity(step))
        if other is not None and _deeds(step) == _deeds(passing[other]):
            matched[position] = other
    taken = set(matched.values())
    spare: dict[object, list[int]] = {}
    for position, step in enumerate(passing):
        if position not in taken and step.operations:
            spare.setdefault(_deeds(step), []).append(position)
    for position, step in enumerate(failing):
        if position not in matched and step.operations and spare.get(_deeds(step)):
            matched[position] = spare[_deeds(step)].pop(0)
    taken = set(matched.values())
    for position, step in enumerate(failing):
        other = where.get(_identity(step))
        if position not in matched and other is not None and other not in taken and _begin_alike(step, passing[other]):
            matched[position] = other
    return matched


def _begin_alike(a: Step, b: Step) -> bool:
    return bool(a.operations and b.operations) and _deed(a.operations[0]) == _deed(b.operations[0])


def _deeds(step: Step) -> object:
    # Without repetitions: a SELECT has one operation for each row that it found.
    return tuple(dict.fromkeys(_deed(operation) for operation in step.operations))


def _reversed_races(failing: Steps, passing: Steps, matched: dict[int, int]) -> list[tuple[int, int]]:
    speaking = [position for position in sorted(matched) if failing[position].operations]
    return [
        (first, second)
        for first, second in combinations(speaking, 2)
        if matched[first] > matched[second]
        and failing[first].process != failing[second].process
        and (
            _dependent(failing[first], failing[second]) or _dependent(passing[matched[second]], passing[matched[first]])
        )
    ]


def _dependent(a: Step, b: Step) -> bool:
    if a.footprint == EMPTY and b.footprint == EMPTY:
        # Searches without footprints: what the operations say is all that is known.
        return any(_overlap(one, two) and _rank(one, two) < _UNRELATED for one in a.operations for two in b.operations)
    return conflicting(a.footprint, b.footprint)


_UNRELATED = 3


def _rank(a: Operation, b: Operation) -> int:
    """How well a pair of operations explains: a read against the commit that publishes it is best."""
    effects = {a.effect, b.effect}
    if not _overlap(a, b):
        # A statement that could not be understood has no subject, and still decides more than its neighbours.
        nameless = not (a.subject and b.subject)
        return 2 if nameless and effects == {"read", "commit"} else _UNRELATED
    if effects == {"read", "commit"}:
        return 0
    if effects == {"read", "write"}:
        return 1
    return 2 if effects <= {"write", "commit", "rollback", "lock", "wait"} else _UNRELATED


def _overlap(a: Operation, b: Operation) -> bool:
    return any(
        one == two or one == two.partition("#")[0] or two == one.partition("#")[0]
        for one in subjects_of(a)
        for two in subjects_of(b)
    )


def _roots(races: list[tuple[int, int]], order: HappensBefore) -> set[tuple[int, int]]:
    """Return the races that no other one brought about: none is before them at both ends."""
    roots: list[tuple[int, int]] = []
    # In order of positions, so that whatever a race may follow from has been judged; and it follows from a root.
    for first, second in sorted(races):
        if not any(order.before(one, first) and order.before(two, second) for one, two in roots):
            roots.append((first, second))
    return set(roots)


def _decisive(two: _Matched, races: list[tuple[int, int]], known: _Known) -> Pair | None:
    witness = {*known.finding.witness, known.finding.step}
    best: tuple[tuple[int, ...], Pair] | None = None
    for first, second in races:
        for place, other in _operation_pairs(two.failing, first, second):
            seen = two.other_observation(place, other)
            key = (
                -((first in witness) + (second in witness)),
                _rank(two.operation(place), two.operation(other)),
                seen is None,
                -((first in known.past) + (second in known.past)),
                (first, second) not in known.roots,
                first,
                second,
            )
            if best is None or key < best[0]:
                best = key, Pair(place, other, True, seen)
    return best[1] if best else None


@dataclass(frozen=True, slots=True)
class _Known:
    finding: Finding
    past: frozenset[int]
    roots: set[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Matched:
    """Two executions, and which step of one is which of the other."""

    failing: Steps
    passing: Steps
    matched: dict[int, int]

    def operation(self, place: Place) -> Operation:
        return self.failing[place.step].operations[place.operation]

    def other_observation(self, *places: Place) -> tuple[tuple[str, str], ...] | None:
        """Return what the read among the places returned in the passing execution, if that differs."""
        for place in places:
            here = self.operation(place)
            if here.effect != "read":
                continue
            reads = [one for one in self.passing[self.matched[place.step]].operations if one.effect == "read"]
            alike = [one for one in reads if one.subject == here.subject] or reads
            if alike and alike[0].observed != here.observed:
                return tuple(alike[0].observed.items())
        return None


def _operation_pairs(steps: Steps, first: int, second: int) -> Iterator[tuple[Place, Place]]:
    for one in range(len(steps[first].operations)):
        for two in range(len(steps[second].operations)):
            yield Place(first, one), Place(second, two)


def _pair_by_witness(steps: Steps, finding: Finding) -> Pair | None:
    """Return the decisive read and the commit that came too late: both as the finding names them, or the next one."""
    known = {position for position in finding.witness if 0 <= position < len(steps)}
    best: tuple[tuple[bool, int], Pair] | None = None
    later = ((first, second) for first in sorted(known) for second in range(first + 1, len(steps)))
    for first, second in later:
        if steps[first].process == steps[second].process:
            continue
        for one, two in _operation_pairs(steps, first, second):
            a, b = steps[first].operations[one.operation], steps[second].operations[two.operation]
            key = (second not in known, _rank(a, b))
            if a.effect == "read" and b.effect == "commit" and _overlap(a, b) and (best is None or key < best[0]):
                best = key, Pair(one, two, False)
    return best[1] if best else None


def _overtaker(steps: Steps, order: HappensBefore, matched: dict[int, int], pair: Pair) -> int:
    """Return the event that was moved: in the past of [A], before [B] here, after [B] there; deliveries first."""
    a, b = pair.first.step, pair.second.step
    moved = [
        position
        for position in order.past_of(a)
        if position < b
        and position in matched
        and matched[position] > matched[b]
        and (steps[position].operations or position == a)
    ]
    for position in moved:
        if steps[position].kind is Kind.DELIVER:
            return position
    return moved[0] if moved else a
