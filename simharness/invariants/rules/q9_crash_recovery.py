"""Q9: after a crash anywhere, a restart and a reconciliation, Q1 to Q6 hold again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.rules.q1_same_working_orders import SameWorkingOrders
from simharness.invariants.rules.q2_position_matches_fills import PositionMatchesFills
from simharness.invariants.rules.q3_cash_follows_fills import CashFollowsFills
from simharness.invariants.rules.q4_exactly_once import ExactlyOnce
from simharness.invariants.rules.q5_no_spurious_stop import NoSpuriousStop
from simharness.invariants.rules.q6_nothing_left_behind import NothingLeftBehind
from simharness.invariants.snapshot import Snapshot
from simharness.invariants.view import View

_AGAIN: tuple[type[Rule], ...] = (
    SameWorkingOrders,
    PositionMatchesFills,
    CashFollowsFills,
    ExactlyOnce,
    NoSpuriousStop,
    NothingLeftBehind,
)


class CrashRecovery(Rule):
    """Asks the rules of the quiet system once more if the program has crashed on the way."""

    id = "Q9"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return any(rule.applies(snapshot) for rule in _AGAIN)

    def vacuous(self, view: View) -> str | None:
        return None if view.crashed else "the program never crashed"

    def at_rest(self, view: View) -> Iterable[Breach]:
        if not view.crashed:
            return
        for rule in _AGAIN:
            if rule.applies(view.snapshot):
                for breach in rule().at_rest(view):
                    yield replace(breach, message=f"after a crash and a restart ({rule.id}): {breach.message}")
