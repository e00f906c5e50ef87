"""What the database holds as the operations go by: committed, not yet committed, locked, waited for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from simharness.core.step import Operation, Step
from simharness.report.lanes import target_of

_ENDS = frozenset({"commit", "rollback"})
_SHOWN = frozenset({"read", "write", "lock", "wait", *_ENDS})

# Of a row that nobody writes, so many values are told.
_TOLD_MAX = 3

Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class Held:
    """What is known about the subjects of one operation right after it.

    Args:
        committed: by subject, the values that everybody sees.
        uncommitted: by subject, the values that only their writer sees.
        waits_for: who holds what the operation waits for: a chain of lanes, closed if it is a deadlock. Sessions of one
            lane are told apart by their numbers.
    """

    committed: dict[str, Values] = field(default_factory=dict)
    uncommitted: dict[str, Values] = field(default_factory=dict)
    waits_for: tuple[str, ...] = ()


@dataclass(slots=True)
class _Pending:
    actor: str
    process: int
    values: Values


def actor_of(operation: Operation) -> str:
    """Return who acts at the database: the lane, and which of its sessions, where that is known."""
    return f"{operation.lane} session {operation.session}" if operation.session else operation.lane


def lane_of(actor: str) -> str:
    """Return the lane of an actor."""
    return actor.partition(" session ")[0]


def subjects_of(operation: Operation) -> tuple[str, ...]:
    """Return the subjects of an operation; a COMMIT may name several, with commas between."""
    if not operation.subject:
        return ()
    return tuple(part for part in (piece.strip() for piece in operation.subject.split(",")) if part)


def at_database(operation: Operation) -> bool:
    """Return whether an operation is a statement: the venue commits too, to its own books."""
    return operation.lane == "database" or target_of(operation) == "database"


class Holdings:
    """Follows the operations of one execution in their order."""

    def __init__(self) -> None:
        self._committed: dict[str, Values] = {}
        self._pending: dict[str, _Pending] = {}
        self._locks: dict[str, tuple[str, int]] = {}
        self._waiting: dict[str, str] = {}

    def follow(self, step: Step, operation: Operation) -> Held:
        """Take in the next operation and return what is held after it."""
        if not at_database(operation):
            return Held()
        subjects = subjects_of(operation)
        actor = actor_of(operation)
        self._waiting.pop(actor, None)
        if operation.effect in _ENDS:
            self._end(step, operation, subjects)
        elif operation.effect == "write" and operation.uncommitted:
            for subject in subjects:
                self._write(step, operation, subject)
        elif operation.effect == "lock":
            self._locks.update(dict.fromkeys(subjects, (actor, step.process)))
        elif operation.effect == "read":
            self._read(operation, subjects)
        if len(subjects) == 1 and operation.committed:
            self._committed.setdefault(subjects[0], {}).update(operation.committed)
        waits_for = self._wait(operation, subjects) if operation.effect == "wait" else ()
        return self._held(operation, subjects, waits_for)

    def _write(self, step: Step, operation: Operation, subject: str) -> None:
        pending = self._pending.setdefault(subject, _Pending(actor_of(operation), step.process, {}))
        pending.values.update(operation.uncommitted)
        self._locks[subject] = (actor_of(operation), step.process)

    def _read(self, operation: Operation, subjects: tuple[str, ...]) -> None:
        for subject in subjects:
            pending = self._pending.get(subject)
            # What another lane reads is what is committed; its own writes it sees before anybody else.
            if not operation.committed and (pending is None or pending.actor != actor_of(operation)):
                self._committed.setdefault(subject, {}).update(operation.observed)

    def _end(self, step: Step, operation: Operation, subjects: tuple[str, ...]) -> None:
        owned = [subject for subject, pending in self._pending.items() if pending.process == step.process]
        actor = actor_of(operation)
        owned = owned or [subject for subject, pending in self._pending.items() if pending.actor == actor]
        for subject in owned:
            values = self._pending.pop(subject).values
            if operation.effect == "commit":
                self._committed.setdefault(subject, {}).update(values)
        for subject, (holder, process) in list(self._locks.items()):
            # The end of a session's transaction frees all that it locked; a lane may have several transactions.
            whole = operation.session is not None or subject in owned or subject in subjects
            if process == step.process or (holder == actor and whole):
                del self._locks[subject]

    def _wait(self, operation: Operation, subjects: tuple[str, ...]) -> tuple[str, ...]:
        holders = [self._locks[subject][0] for subject in subjects if subject in self._locks]
        actor = actor_of(operation)
        if not holders or holders[0] == actor:
            return ()
        self._waiting[actor] = holders[0]
        chain = [actor]
        while chain[-1] in self._waiting:
            chain.append(self._waiting[chain[-1]])
            if chain[-1] in chain[:-1]:
                break
        return tuple(chain[1:])

    def _held(self, operation: Operation, subjects: tuple[str, ...], waits_for: tuple[str, ...]) -> Held:
        if operation.effect not in _SHOWN:
            return Held()
        committed = {subject: dict(self._committed[subject]) for subject in subjects if self._committed.get(subject)}
        uncommitted = {subject: dict(self._pending[subject].values) for subject in subjects if subject in self._pending}
        if operation.uncommitted and operation.effect not in _ENDS:
            for subject in subjects:
                uncommitted[subject] = {**uncommitted.get(subject, {}), **operation.uncommitted}
        return Held(committed, uncommitted, waits_for)


class Detail(IntEnum):
    """How much is said of a value, from much to little; several subjects are always named, and several columns."""

    SUBJECT = 0
    COLUMN = 1
    VALUE = 2


def describe(values: dict[str, Values], detail: Detail) -> str:
    """Return values as ``orders#1 reason=NULL``, ``reason=NULL`` or ``NULL``."""
    subjects = detail is Detail.SUBJECT or len(values) > 1
    # Sorted by subject; the values keep the order in which they were given, which is that of the statement.
    parts = []
    for subject, pairs in sorted(values.items()):
        bare = detail is Detail.VALUE and len(pairs) == 1 and not subjects
        text = " ".join(value if bare else f"{key}={value}" for key, value in pairs.items())
        parts.append(f"{subject} {text}" if subjects else text)
    return "; ".join(parts)


def holdings_of(steps: tuple[Step, ...]) -> dict[tuple[int, int], Held]:
    """Return what is held after every operation, by (position, number of the operation in its step).

    Only values that somebody writes in this execution are told: a row has many others.
    """
    written = _written(steps)
    holdings = Holdings()
    result = {}
    for position, step in enumerate(steps):
        for number, operation in enumerate(step.operations):
            held = holdings.follow(step, operation)
            result[position, number] = Held(
                _only(held.committed, written), _only(held.uncommitted, written), held.waits_for
            )
    return result


def _written(steps: tuple[Step, ...]) -> dict[str, set[str]]:
    written: dict[str, set[str]] = {}
    for step in steps:
        for operation in step.operations:
            changed = {*operation.uncommitted, *(operation.committed if operation.effect == "commit" else ())}
            for subject in subjects_of(operation):
                written.setdefault(subject, set()).update(changed)
    return written


def _only(values: dict[str, Values], written: dict[str, set[str]]) -> dict[str, Values]:
    told = {}
    for subject, pairs in values.items():
        wanted = written.get(subject) or set(list(pairs)[:_TOLD_MAX])
        kept = {key: value for key, value in pairs.items() if key in wanted}
        if kept:
            told[subject] = kept
    return told
