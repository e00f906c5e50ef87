"""S14: updates apply per key in the venue's order; nothing older overwrites newer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from simharness.invariants.rule import Breach, Rule, changed
from simharness.invariants.snapshot import LocalPosition, Snapshot
from simharness.invariants.updates import stream_broke
from simharness.invariants.view import View

if TYPE_CHECKING:
    from simharness.venue.event import PositionUpdate


class UpdatesInVenueOrder(Rule):
    """Follows each position row through its own history, and reads memory at the end.

    Quantity and mark price together tell which update a row was written from, where no other update has the same. A
    row that goes back to an older one was overwritten. The writers of one row are ordered anyway, and the updates are
    looked at when nothing is left to happen, so the rule depends on no order of independent steps.
    """

    id = "S14"

    def __init__(self) -> None:
        self._history: list[tuple[LocalPosition, int]] = []

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return "positions" in snapshot.keeps

    def on_commit(self, view: View, before: Snapshot) -> Iterable[Breach]:
        for _, _, new in changed(before, view.snapshot, "positions"):
            if isinstance(new, LocalPosition):
                self._history.append((new, view.step))
        return ()

    def vacuous(self, view: View) -> str | None:
        return None if view.updates else "the venue said nothing about positions"

    def at_rest(self, view: View) -> Iterable[Breach]:
        reached: dict[str, int] = {}
        for row, step in self._history:
            source = _source(row, view.updates) if row.alive else None
            if source is None:
                continue
            if source < reached.get(row.key, source):
                yield Breach(
                    f"{row.key} went back from update #{reached[row.key]} to update #{source} of {row.symbol}",
                    step=step,
                )
            reached[row.key] = source
        if not stream_broke(view):
            yield from self._memory(view)

    @staticmethod
    def _memory(view: View) -> Iterable[Breach]:
        for symbol, held in sorted(view.memory.positions.items()):
            newest = max((each.sequence for each in view.updates if each.symbol == symbol), default=None)
            if held.sequence is not None and newest is not None and held.sequence < newest:
                yield Breach(f"{symbol} ended at update #{held.sequence}; the venue's newest is #{newest}")


def _source(row: LocalPosition, updates: list[PositionUpdate]) -> int | None:
    """Return the sequence of the one update that has the values of ``row``."""
    fitting = [
        update.sequence
        for update in updates
        if (update.symbol, update.quantity, update.mark_price) == (row.symbol, row.quantity, row.mark_price)
    ]
    return fitting[0] if len(fitting) == 1 else None
