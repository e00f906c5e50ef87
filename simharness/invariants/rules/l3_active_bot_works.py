"""L3: an ACTIVE bot has a working order, or reaches ERROR, within T."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import OwnerState, Snapshot
from simharness.invariants.view import View


class ActiveBotWorks(Rule):
    """Counts active bots and open orders of each symbol when nothing is left to happen: whatever T is, it passes."""

    id = "L3"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return bool(snapshot.owners)

    def at_rest(self, view: View) -> Iterable[Breach]:
        if view.venue is None:
            return
        owners = [owner for owner in view.snapshot.owners.values() if owner.state is OwnerState.ACTIVE]
        for symbol in sorted({owner.symbol for owner in owners}):
            active = sorted(owner.key for owner in owners if owner.symbol == symbol)
            working = view.venue.open_orders(symbol)
            if len(working) < len(active):
                yield Breach(f"{', '.join(active)} active, and {len(working)} orders of {symbol} work at the venue")
