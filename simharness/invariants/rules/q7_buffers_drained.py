"""Q7: buffers are empty; buffered-then-applied equals applied-in-order."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Snapshot
from simharness.invariants.updates import newest_updates, stream_broke
from simharness.invariants.view import View


class BuffersDrained(Rule):
    """Compares tracked positions, at the end, with what the venue's updates applied in its order would have made.

    Each update carries whole values, so in order the newest one decides.
    """

    id = "Q7"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return "positions" in snapshot.keeps

    def vacuous(self, view: View) -> str | None:
        return None if view.updates else "the venue said nothing about positions"

    def at_rest(self, view: View) -> Iterable[Breach]:
        for symbol, count in sorted(view.memory.buffered.items()):
            yield Breach(f"{count} updates of {symbol} still wait in a buffer")
        if stream_broke(view):
            return
        for update in newest_updates(view):
            held = view.memory.positions.get(update.symbol)
            if held is None or held.placeholder or not update.quantity:
                continue
            ended, due = (held.quantity, held.mark_price), (update.quantity, update.mark_price)
            if ended != due:
                yield Breach(
                    f"{update.symbol} ended with quantity {ended[0]} and mark price {ended[1]};"
                    f" its updates applied in order end with {due[0]} and {due[1]}"
                )
