"""Commutation audit and determinism: does independence, as footprints tell it, hold when it is tried?

Every reduction rests on one belief: two adjacent steps with no key in conflict can be swapped and nothing changes. The
audit swaps some on the real program. What then differs is state that is shared without a key, and with such a hole
nothing may be certified.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from simharness.core import name, trace
from simharness.core.canonical import canonical
from simharness.core.execution import Execution, Program
from simharness.core.footprint import Footprint, conflicting, describe
from simharness.core.step import Step
from simharness.core.verdict import Finding
from simharness.errors import Nondeterminism, ReplayDiverged, SelfCheckFailed
from simharness.explore.wakeup import Values

Path = Sequence[tuple[int, Values]]

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit looked at; it found nothing, or it would have raised.

    Args:
        swapped: pairs that were run both ways round.
        candidates: pairs of the execution that could have been.
        compared_outcome: whether outcomes were compared: not if two equal runs give unequal ones (objects without
            an equality of their own).
    """

    swapped: int
    candidates: int
    compared_outcome: bool


@dataclass(frozen=True, slots=True)
class _End:
    """How an execution ended."""

    outcome: Any
    findings: tuple[tuple[str, str], ...]


def audit(program: Program, path: Path, *, pairs: int, rng: random.Random) -> Audited:
    """Swap random adjacent independent steps of an execution, and compare everything that follows.

    Args:
        program: starts an execution.
        path: a complete execution.
        pairs: how many pairs to swap at most.
        rng: chooses them.

    Raises:
        SelfCheckFailed: a swap made a difference; the message names both steps and what differs.
        Nondeterminism: the path does not even give the same execution twice.
    """
    steps, end = _run(program, path)
    again, end_again = _run(program, path)
    _same_trace(steps, again)
    candidates = [first for first in range(len(steps) - 1) if _independent(steps, first)]
    comparable = _equal(end.outcome, end_again.outcome)
    chosen = rng.sample(candidates, min(pairs, len(candidates)))
    for first in chosen:
        _swap(program, path, steps, first, end, comparable=comparable)
    return Audited(len(chosen), len(candidates), comparable)


def determinism(program: Program, path: Path) -> str:
    """Run one path twice and return the digest of the trace.

    Raises:
        Nondeterminism: the two traces differ; the message names the first step that does.
        ReplayDiverged: the program does not offer what the path asks for.
    """
    steps, _ = _run(program, path)
    again, _ = _run(program, path)
    _same_trace(steps, again)
    return trace.digest(steps)


# -- swapping ---------------------------------------------------------------------------------------------


def _independent(steps: Sequence[Step], first: int) -> bool:
    """Return whether the step at ``first`` and the next one are said to commute."""
    a, b = steps[first], steps[first + 1]
    if a.mortal and b.ends:
        return False  # no key orders them, for nothing of a is left; but behind b there is no a
    return a.process != b.process and b.cause != first and not conflicting(a.footprint, b.footprint)


def _swap(program: Program, path: Path, steps: Sequence[Step], first: int, end: _End, *, comparable: bool) -> None:
    """Run the execution with two steps the other way round; whatever comes after them must be what it was."""
    a, b = steps[first], steps[first + 1]
    pair = f"{a} and {b} were said to be independent, yet the other way round"
    with _started(program) as execution:
        _follow(execution, path[:first])
        # Also that the second can go first is part of the claim: what enables a step is its cause, or in its keys.
        _retake(execution, b, pair)
        _retake(execution, a, pair)
        for recorded in steps[first + 2 :]:
            _retake(execution, recorded, pair)
        if execution.enabled():
            raise SelfCheckFailed(f"commutation audit: {pair} the execution goes on: {_offered(execution)} can run")
        _compare_ends(end, _end(execution), pair, comparable=comparable)


def _retake(execution: Execution, recorded: Step, pair: str) -> None:
    """Take a recorded step in its new place; it must do what it did."""
    if recorded.process not in execution.enabled():
        raise SelfCheckFailed(
            f"commutation audit: {pair} {recorded} cannot run ({_offered(execution)} can): "
            "something is shared that simharness does not see"
        )
    try:
        step = execution.step(recorded.process, recorded.values)
    except ReplayDiverged as error:
        raise SelfCheckFailed(f"commutation audit: {pair} {recorded} asks other questions: {error}") from error
    if step.footprint != recorded.footprint or step.values != recorded.values:
        raise SelfCheckFailed(
            f"commutation audit: {pair} {recorded} does something else ({_difference(recorded, step)}): "
            "state is shared that simharness does not see"
        )


def _compare_ends(expected: _End, actual: _End, pair: str, *, comparable: bool) -> None:
    if expected.findings != actual.findings:
        raise SelfCheckFailed(
            f"commutation audit: {pair} other findings come out ({_findings(expected)} became {_findings(actual)}): "
            "state is shared that simharness does not see"
        )
    if comparable and not _equal(expected.outcome, actual.outcome):
        raise SelfCheckFailed(
            f"commutation audit: {pair} the outcome is {_short(actual.outcome)} instead of {_short(expected.outcome)}: "
            "state is shared that simharness does not see"
        )


# -- running ----------------------------------------------------------------------------------------------


@contextmanager
def _started(program: Program) -> Iterator[Execution]:
    execution = program()
    try:
        yield execution
    finally:
        execution.close()


def _follow(execution: Execution, path: Path) -> None:
    for position, (process, values) in enumerate(path):
        if process not in execution.enabled():
            raise ReplayDiverged(position, name.text(process), _offered(execution))
        execution.step(process, values)


def _run(program: Program, path: Path) -> tuple[list[Step], _End]:
    """Run a complete execution and return its steps and how it ended."""
    with _started(program) as execution:
        _follow(execution, path)
        if execution.enabled():
            raise ReplayDiverged(len(path), "the end of the execution", _offered(execution))
        return list(execution.steps), _end(execution)


def _end(execution: Execution) -> _End:
    outcome, findings = execution.conclude()
    # Where something is wrong, and at how many steps, shifts when steps are swapped; what is wrong must not.
    return _End(outcome, tuple(sorted({_essence(finding) for finding in findings})))


def _essence(finding: Finding) -> tuple[str, str]:
    return finding.invariant, finding.message


# -- comparing --------------------------------------------------------------------------------------------


def _same_trace(steps: Sequence[Step], again: Sequence[Step]) -> None:
    if trace.digest(steps) == trace.digest(again):
        return
    for position, (step, other) in enumerate(zip(steps, again, strict=False)):
        if trace.digest([step]) != trace.digest([other]):
            raise Nondeterminism(
                f"the same schedule ran twice and differed at step {position}: {step} became {other} "
                f"({_difference(step, other)}); run `simharness doctor SCENARIO`"
            )
    raise Nondeterminism(f"the same schedule ran twice, with {len(steps)} and with {len(again)} steps")


def _difference(a: Step, b: Step) -> str:
    """Return in words how two runs of one step differ."""
    if a.values != b.values:
        return f"data choices {a.values} and {b.values}"
    found = _keys_apart(a.footprint, b.footprint)
    if found:
        return ", ".join(found[:_SHOWN])
    return f"at {a.time_ns} ns and at {b.time_ns} ns" if a.time_ns != b.time_ns else f"{a.label!r} and {b.label!r}"


def _keys_apart(a: Footprint, b: Footprint) -> list[str]:
    before, after = describe(a), describe(b)
    return sorted(f"{access} {key}" for access in before for key in set(before[access]) ^ set(after[access]))


def _equal(a: Any, b: Any) -> bool:
    return bool(a == b) or canonical(a) == canonical(b)


def _findings(end: _End) -> str:
    return ", ".join(f"{invariant}: {message}" for invariant, message in end.findings[:_SHOWN]) or "none"


def _short(outcome: Any) -> str:
    text = canonical(outcome)
    return text if len(text) <= 200 else f"{text[:199]}…"


def _offered(execution: Execution) -> str:
    return ", ".join(name.text(process) for process in execution.enabled()[:5]) or "nothing"
