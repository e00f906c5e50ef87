"""What a step does when it comes before one that it was raced by: measured by a replay, or known from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from simharness.core.footprint import Footprint, describe
from simharness.core.step import Step
from simharness.errors import SelfCheckFailed
from simharness.explore.wakeup import Values


@dataclass(frozen=True, slots=True)
class Probe:
    """What the reversed step did when it was replayed first.

    Args:
        footprint: what it touched.
        predecessors: positions in the execution, of those in the body, that happen before it.
        values: the data choices that it took.
        options: how many each of them had.
    """

    footprint: Footprint
    predecessors: frozenset[int]
    values: Values
    options: Values


def same_questions(one: Values, other: Values) -> bool:
    """Return whether two steps were asked the same; a fault point without budget (one option) counts as any."""
    return len(one) == len(other) and all(a == b or 1 in (a, b) for a, b in zip(one, other, strict=True))


def audit(recorded: Step, again: Step, removed: Step) -> None:
    """Compare a step with itself after an independent step before it was left out.

    Raises:
        SelfCheckFailed: it touches other keys now, so the two share what nobody sees.
    """
    if recorded.footprint == again.footprint and recorded.values == again.values:
        return
    raise SelfCheckFailed(
        f"probe audit: {recorded} was said to be independent of {removed}, yet without it touches other keys "
        f"({differences(recorded.footprint, again.footprint)}): state is shared that simharness does not see"
    )


def differences(one: Footprint, other: Footprint) -> str:
    """Return some of the keys that only one of two footprints has, for error messages."""
    before, after = describe(one), describe(other)
    different = sorted(f"{access} {key}" for access in before for key in set(before[access]) ^ set(after[access]))
    return ", ".join(different[:6])
