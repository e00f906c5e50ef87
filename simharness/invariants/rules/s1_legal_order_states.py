"""S1: order states move legally, and final states are final."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule, changed
from simharness.invariants.snapshot import LocalOrder, LocalState, Snapshot
from simharness.invariants.view import View

_NEXT: dict[LocalState, frozenset[LocalState]] = {
    LocalState.INTENT: frozenset(LocalState),
    LocalState.WORKING: frozenset(LocalState) - {LocalState.INTENT},
    LocalState.PARTIALLY_FILLED: frozenset(LocalState) - {LocalState.INTENT, LocalState.WORKING, LocalState.REJECTED},
    # A fill can arrive after the cancel that it raced: the venue then reports the order canceled with a quantity.
    LocalState.FILLED: frozenset({LocalState.FILLED}),
    LocalState.CANCELED: frozenset({LocalState.CANCELED}),
    LocalState.REJECTED: frozenset({LocalState.REJECTED}),
    LocalState.EXPIRED: frozenset({LocalState.EXPIRED}),
}


class LegalOrderStates(Rule):
    """Compares every committed order row with its predecessor."""

    id = "S1"

    def on_commit(self, view: View, before: Snapshot) -> Iterable[Breach]:
        for key, old, new in changed(before, view.snapshot, "orders"):
            if isinstance(old, LocalOrder) and isinstance(new, LocalOrder) and new.state not in _NEXT[old.state]:
                yield Breach(f"{key} went from {old.state} to {new.state}")
            if isinstance(old, LocalOrder) and new is None:
                yield Breach(f"{key} was deleted while the venue may still report on it")
