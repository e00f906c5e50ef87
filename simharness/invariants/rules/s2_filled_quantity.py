"""S2: CumQty + LeavesQty = OrderQty; CumQty never falls; no overfill."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule, changed
from simharness.invariants.snapshot import LocalOrder, LocalState, Snapshot
from simharness.invariants.view import View


class FilledQuantity(Rule):
    """Looks at the quantities of every committed order row."""

    id = "S2"

    def on_commit(self, view: View, before: Snapshot) -> Iterable[Breach]:
        for key, old, new in changed(before, view.snapshot, "orders"):
            if not isinstance(new, LocalOrder):
                continue
            if not 0 <= new.filled <= new.quantity:
                yield Breach(f"{key} has filled {new.filled} of {new.quantity}")
            if isinstance(old, LocalOrder) and new.filled < old.filled:
                yield Breach(f"the filled quantity of {key} fell from {old.filled} to {new.filled}")
            if new.state is LocalState.FILLED and new.filled != new.quantity:
                yield Breach(f"{key} is filled with {new.filled} of {new.quantity}")
