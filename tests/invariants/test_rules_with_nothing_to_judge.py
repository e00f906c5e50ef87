"""A rule that had nothing to look at in any execution is named, with the reason."""

from __future__ import annotations

import pytest
from judge import PERP, Judge, bot, row

from simharness.core.catalog import INVARIANTS
from simharness.invariants.registry import all_rules
from simharness.invariants.snapshot import LocalState, OwnerState
from simharness.world.judged import Judged


def _never(*courts: Judge) -> dict[str, str]:
    judged = Judged()
    for court in courts:
        court.rest()
        judged.take(court.watch)
    return judged.never()


def test_a_rule_that_does_not_apply_is_named(judge):
    assert _never(judge("S7", "S13", keeps=())) == {"S7": "it does not apply to this system"}


def test_a_rule_counts_as_soon_as_one_execution_gave_it_something(judge):
    idle, busy = judge("Q9"), judge("Q9")
    busy.view.crashed = True
    assert _never(idle) == {"Q9": "the program never crashed"}
    assert _never(idle, busy) == {}


def _everything_happens(court: Judge) -> None:
    """Trade, close, cancel, stop and crash, so that every rule has something to look at."""
    first, stop = court.place("buy", 1), court.place("sell", 1)
    court.cancel(first)
    court.fill(stop)
    opened, closed = court.place("buy", 2, PERP), court.place("sell", 1, PERP, reduce_only=True)
    rows = row(first, LocalState.CANCELED, reason="STOP") | row(opened, LocalState.FILLED, 2, 2, key="orders#2")
    court.commit(orders=rows | row(closed, LocalState.FILLED, 1, key="orders#3", reduce_only=True))
    court.commit(owners={"bots#1": bot(OwnerState.STOPPED)})
    court.answer("POST /api/v1/bots/1/stop")
    court.view.exposure_limits[PERP] = 5


# These look at other executions, at crashes or at broken streams.
_ELSEWHERE = {"Q8", "Q9", "X1", "L4"}


@pytest.mark.parametrize("rule", sorted(set(all_rules()) - _ELSEWHERE))
def test_every_rule_knows_when_it_has_something_to_judge(judge, rule: str):
    court = judge(rule)
    _everything_happens(court)
    assert _never(court) == {}


def test_every_invariant_has_a_rule():
    assert {entry.id for entry in INVARIANTS} == set(all_rules())
