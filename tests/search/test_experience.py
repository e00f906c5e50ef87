"""What is known of steps by their causal pasts: used where the past is the same, and checked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simharness.core import name
from simharness.core.footprint import EMPTY, Footprint
from simharness.core.step import Kind, Step
from simharness.core.trace import HappensBefore
from simharness.errors import SelfCheckFailed
from simharness.explore import experience
from simharness.explore.experience import Experience

X, Y = name.static("x of experience"), name.static("y of experience")
READS_X, WRITES_X = Footprint(reads=frozenset({X})), Footprint(writes=frozenset({X}))
READS_BOTH = Footprint(reads=frozenset({X, Y}))


def step(process: str, footprint: Footprint = EMPTY, index: int = 0, cause: int | None = None) -> Step:
    return Step(name.static(process), index, Kind.HANDLE, None, process, footprint, cause)


def learnt(*executions: list[Step]) -> Experience:
    known = Experience()
    for steps in executions:
        known.learn(steps, HappensBefore(steps))
    return known


def recalled(known: Experience, steps: list[Step], i: int, j: int) -> Footprint | None:
    order = HappensBefore(steps)
    body = [k for k in range(i + 1, len(steps)) if not order.before(i, k)]
    probe = known.recall(steps, order, i, j, body)
    return None if probe is None else probe.footprint


def test_a_step_does_again_what_it_did_after_the_same_past() -> None:
    """Reader and writer, both ways round: each order knows what the reader does in the other."""
    reads_old, reads_new = step("reader", READS_X), step("reader", READS_BOTH)
    write_first, write_last = [step("writer", WRITES_X), reads_new], [reads_old, step("writer", WRITES_X)]
    assert recalled(learnt(write_last), write_first, 0, 1) == READS_X
    assert recalled(learnt(write_first), write_first, 0, 1) is None


def test_another_step_in_between_makes_another_past() -> None:
    other = step("other", WRITES_X)
    known = learnt([step("reader", READS_X), step("writer", WRITES_X)])
    # Here the other one has written before: the reader has never been seen after it alone.
    assert recalled(known, [other, step("writer", WRITES_X), step("reader", READS_BOTH)], 1, 2) is None
    # And one that writes something else makes no difference.
    elsewhere = step("other", Footprint(writes=frozenset({Y})))
    known = learnt([step("reader", READS_X), step("writer", WRITES_X)])
    assert recalled(known, [elsewhere, step("writer", WRITES_X), step("reader", READS_X)], 1, 2) == READS_X


def test_the_same_name_after_another_cause_is_another_step() -> None:
    asked, asked_else = step("asker"), replace(step("asker"), values=(1,), options=(2,))
    known = learnt([asked, step("answer", READS_X, cause=0)])
    assert recalled(known, [asked, step("writer", WRITES_X), step("answer", READS_X, cause=0)], 1, 2) == READS_X
    assert recalled(known, [asked_else, step("writer", WRITES_X), step("answer", READS_X, cause=0)], 1, 2) is None


def test_a_step_that_is_asked_something_is_not_foretold() -> None:
    asked = replace(step("reader", READS_X), values=(0,), options=(2,))
    known = learnt([asked, step("writer", WRITES_X)])
    assert recalled(known, [step("writer", WRITES_X), asked], 0, 1) is None


def test_other_keys_after_the_same_past_are_a_hole() -> None:
    known = learnt([step("reader", READS_X)])
    steps = [step("stranger", Footprint(writes=frozenset({Y}))), step("reader", WRITES_X)]
    with pytest.raises(SelfCheckFailed, match=r"determinism audit: reader .*reads x of experience"):
        known.learn(steps, HappensBefore(steps))


def test_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experience, "LIMIT", 3)
    known = learnt(*[[step(f"process {number}", READS_X)] for number in range(10)])
    late, early = ([step("writer", WRITES_X), step(f"process {number}", READS_X)] for number in (9, 0))
    assert recalled(known, late, 0, 1) == READS_X
    assert recalled(known, early, 0, 1) is None
