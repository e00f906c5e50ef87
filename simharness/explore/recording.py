"""Runs a schedule once more and keeps everything that it did, in the words of the domain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simharness.core import trace
from simharness.core.execution import Execution, Program
from simharness.core.footprint import recorder
from simharness.core.schedule import Schedule
from simharness.core.token import Token
from simharness.core.verdict import RecordedExecution
from simharness.explore.contrast import nearest_passing
from simharness.explore.latency import possible
from simharness.explore.places import refollow
from simharness.explore.replay import Path, follow, walk


@contextmanager
def narrating() -> Iterator[None]:
    """Make steps describe what they do in the words of the domain."""
    before = recorder.narrating
    recorder.narrating = True
    try:
        yield
    finally:
        recorder.narrating = before


def record(program: Program, schedule: Schedule) -> RecordedExecution:
    """Run a schedule once more and keep everything that it did, in the words of the domain."""
    with narrating():
        return _recorded(follow(program, schedule), schedule)


def record_again(program: Program, token: Token) -> tuple[RecordedExecution, tuple[int, ...]]:
    """Do what a token says, by its places if the code has changed; return also the choices that have no place any more.

    Raises:
        Nondeterminism: the same choices lead to different traces, or cannot be made and have no places.
    """
    with narrating():
        followed = refollow(program, token.schedule, token.places, token.trace)
        return _recorded(followed.execution, followed.schedule), followed.missing


def record_path(program: Program, path: Path) -> RecordedExecution:
    """The same for a path."""
    with narrating():
        execution, schedule = walk(program, path)
        return _recorded(execution, schedule)


def _recorded(execution: Execution, schedule: Schedule) -> RecordedExecution:
    try:
        outcome, findings = execution.conclude()
        return RecordedExecution(tuple(execution.steps), schedule, findings, trace.digest(execution.steps), outcome)
    finally:
        execution.close()


def contrast(program: Program, failing: RecordedExecution, kind: str, *, timed: bool) -> RecordedExecution | None:
    """Return the nearest execution without such a finding, or None if no single swap leads to one.

    ``timed`` says that messages have a latency: the execution must be possible with it.
    """

    def passes(execution: Execution) -> bool:
        if timed and not possible(execution.steps):
            return False
        _, findings = execution.conclude()
        return all(finding.kind != kind for finding in findings)

    step = next((finding.step for finding in failing.findings if finding.kind == kind), None)
    path = nearest_passing(program, failing.steps, passes, step)
    return None if path is None else record_path(program, path)
