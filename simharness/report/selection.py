"""Which steps of a failing execution a timeline shows, and what it says about those that it folds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import IntEnum

from simharness.core.step import Operation, Step
from simharness.core.verdict import RecordedExecution
from simharness.report.comparison import Comparison
from simharness.report.holdings import at_database, subjects_of

# A reader has a minute: beyond this many rows, details are folded, then the oldest of what both orders do alike.
_ROWS_MAX = 24
_SAME_MAX = 8

SAME = "same in the passing order"
PLUMBING = "plumbing"
APART = "not part of the cause"
DETAIL = "details"
AFTER = "after the failed check"

_OUTWARD = frozenset({"send", "receive", "fault", "log"})
_CHANGES = frozenset({"write", "commit", "rollback", "lock", "wait"})


class Weight(IntEnum):
    """How much a step matters."""

    FOLDED = 0
    DETAIL = 1
    SHARED = 2
    STORY = 3
    ALWAYS = 4


@dataclass(frozen=True, slots=True)
class Fold:
    """Adjacent steps that one line stands for.

    Args:
        reasons: why and how many: sorted by count, then by word.
    """

    reasons: tuple[tuple[str, int], ...]

    @property
    def count(self) -> int:
        """How many steps it stands for."""
        return sum(number for _, number in self.reasons)

    @property
    def text(self) -> str:
        """The line itself."""
        noun = "step" if self.count == 1 else "steps"
        if len(self.reasons) == 1:
            return f"{self.count} {noun}, {self.reasons[0][0]} (--full)"
        return f"{self.count} {noun}: {_listed(self.reasons)} (--full)"


Item = int | Fold
"""A shown step, by its position, or folded ones."""


def _listed(reasons: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in reasons)


def _by_count(reasons: Counter[str]) -> tuple[tuple[str, int], ...]:
    # Sorted: the most frequent reason first, ties by word.
    return tuple(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))


def summary(selection: tuple[Item, ...]) -> str:
    """Return how many of all steps are folded, and why; nothing if all are shown."""
    total: Counter[str] = Counter()
    for item in selection:
        if isinstance(item, Fold):
            total.update(dict(item.reasons))
    count = total.total()
    steps = count + sum(isinstance(item, int) for item in selection)
    return f"{count} of {steps} steps: {_listed(_by_count(total))}" if count else ""


def select(failing: RecordedExecution, comparison: Comparison, *, full: bool) -> tuple[Item, ...]:
    """Return what to show of ``failing``, in order; the shown steps and the counts of the folds add up to all."""
    steps = failing.steps
    if full:
        return tuple(range(len(steps)))
    always = _always(steps, comparison)
    subjects = _subjects(steps, comparison)
    waited_for = _waited_for(steps)
    always |= {position for position, step in enumerate(steps) if _in_a_wait(step, waited_for)}
    sessions = _sessions(steps, subjects | waited_for)
    judged = [_judge(position, step, comparison, always, subjects, sessions) for position, step in enumerate(steps)]
    _thin_out(judged, steps)
    items: list[Item] = []
    folded: Counter[str] = Counter()
    for position, (weight, reason) in enumerate(judged):
        if weight is Weight.FOLDED:
            folded[reason] += 1
            continue
        _close(items, folded)
        items.append(position)
    _close(items, folded)
    return tuple(items)


def _close(items: list[Item], folded: Counter[str]) -> None:
    if folded:
        items.append(Fold(_by_count(folded)))
        folded.clear()


def _always(steps: tuple[Step, ...], comparison: Comparison) -> set[int]:
    shown = {*comparison.finding.witness}
    if comparison.finding.step is not None:
        shown.add(comparison.finding.step)
    if comparison.first_difference is not None:
        shown.add(comparison.first_difference)
    if comparison.overtaker is not None:
        shown.add(comparison.overtaker)
    if comparison.pair is not None:
        shown |= {comparison.pair.first.step, comparison.pair.second.step}
        shown |= {
            position
            for position in range(comparison.pair.first.step, len(steps))
            if any(_ends(steps[position], operation) for operation in steps[position].operations)
        }
    return shown


def _ends(step: Step, operation: Operation) -> bool:
    """Return whether a transaction ended here; one that had written nothing may end unseen."""
    wrote = operation.subject is not None or bool(step.footprint.writes)
    return operation.effect in {"commit", "rollback"} and at_database(operation) and wrote


def _waited_for(steps: tuple[Step, ...]) -> set[str]:
    return {
        subject
        for step in steps
        for operation in step.operations
        if operation.effect == "wait"
        for subject in subjects_of(operation)
    }


def _subjects(steps: tuple[Step, ...], comparison: Comparison) -> set[str]:
    """Return what the story is about: the subjects of the pair, of the failing step and of its witnesses."""
    operations: list[Operation] = []
    if comparison.pair is not None:
        pair = comparison.pair
        operations += [steps[place.step].operations[place.operation] for place in (pair.first, pair.second)]
    for position in (*comparison.finding.witness, comparison.finding.step):
        if position is not None and 0 <= position < len(steps):
            operations.extend(steps[position].operations)
    return {subject for operation in operations for subject in subjects_of(operation)}


def _sessions(steps: tuple[Step, ...], subjects: set[str]) -> set[str]:
    """Return the database sessions whose transactions the story is about."""
    return {
        operation.session
        for step in steps
        for operation in step.operations
        if operation.session is not None
        and operation.effect in _CHANGES
        and not subjects.isdisjoint(subjects_of(operation))
    }


def _in_a_wait(step: Step, waited_for: set[str]) -> bool:
    """Return whether a step waits for a lock, or took the lock that somebody waits for."""
    return any(
        operation.effect == "wait"
        or (operation.effect in {"lock", "write"} and not waited_for.isdisjoint(subjects_of(operation)))
        for operation in step.operations
    )


def _judge(
    position: int,
    step: Step,
    comparison: Comparison,
    always: set[int],
    subjects: set[str],
    sessions: set[str],
) -> tuple[Weight, str]:
    if position in always:
        return Weight.ALWAYS, ""
    same = position in comparison.same
    if comparison.finding.step is not None and position > comparison.finding.step:
        return Weight.FOLDED, AFTER
    if not step.operations:
        return Weight.FOLDED, SAME if same else PLUMBING
    if position not in comparison.past:
        return Weight.FOLDED, SAME if same else APART
    tells = any(_tells(operation, subjects, sessions) for operation in step.operations)
    if same:
        return (Weight.SHARED, SAME) if tells else (Weight.FOLDED, SAME)
    return (Weight.STORY, DETAIL) if tells else (Weight.DETAIL, DETAIL)


def _tells(operation: Operation, subjects: set[str], sessions: set[str]) -> bool:
    if operation.effect == "begin":
        return operation.session in sessions
    if operation.effect in _OUTWARD or operation.lane in {"client", "venue"}:
        return True
    about = bool(subjects & set(subjects_of(operation)))
    return about and operation.effect in _CHANGES


def _thin_out(judged: list[tuple[Weight, str]], steps: tuple[Step, ...]) -> None:
    """Fold, in place, what a reader can do without: all details if there are too many rows, old common steps."""
    rows = sum(len(step.operations) for step, (weight, _) in zip(steps, judged, strict=True) if weight)
    if rows > _ROWS_MAX:
        for position, (weight, reason) in enumerate(judged):
            if weight is Weight.DETAIL:
                judged[position] = Weight.FOLDED, reason
    shared = [position for position, (weight, _) in enumerate(judged) if weight is Weight.SHARED]
    if len(shared) > _SAME_MAX:
        # The first is the command that set everything off; the last ones lead up to where the orders part.
        for position in shared[1 : 1 - _SAME_MAX]:
            judged[position] = Weight.FOLDED, judged[position][1]
