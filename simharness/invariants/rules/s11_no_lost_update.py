"""S11: no update is lost."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Snapshot
from simharness.invariants.updates import newest_updates, stream_broke
from simharness.invariants.view import View


class NoLostUpdate(Rule):
    """Looks, at the end, for tracked positions that never learned what the venue had said about them.

    The evidence is the sequence that the position carries: none at all, although the venue spoke. A position that
    stopped at an older update than the newest is S14's and Q7's. What a broken stream swallowed was not lost by the
    program.
    """

    id = "S11"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return "positions" in snapshot.keeps

    def vacuous(self, view: View) -> str | None:
        return None if view.updates else "the venue said nothing about positions"

    def at_rest(self, view: View) -> Iterable[Breach]:
        if stream_broke(view):
            return
        for update in newest_updates(view):
            held = view.memory.positions.get(update.symbol)
            if held is None or held.sequence is not None or not update.quantity:
                continue
            if held.quantity != update.quantity or held.mark_price != update.mark_price:
                yield Breach(
                    f"{update.symbol} never learned of update #{update.sequence}: it has quantity {held.quantity} and"
                    f" mark price {held.mark_price}, the venue said {update.quantity} and {update.mark_price}"
                )
