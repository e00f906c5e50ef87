"""S10: one open position per venue and symbol, in memory and in the database."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule, changed
from simharness.invariants.snapshot import LocalPosition, Snapshot
from simharness.invariants.view import View


class OneOpenPosition(Rule):
    """Counts the rows of a symbol whenever one of them becomes a living one, and compares with memory at the end.

    The other rows of the symbol are observed, the closed ones too, so the look is part of the committing step.
    """

    id = "S10"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return "positions" in snapshot.keeps

    def on_commit(self, view: View, before: Snapshot) -> Iterable[Breach]:
        for key, old, new in changed(before, view.snapshot, "positions"):
            if not isinstance(new, LocalPosition) or not new.alive:
                continue
            if isinstance(old, LocalPosition) and old.alive:
                continue
            others = [other for other, row in sorted(view.snapshot.positions.items()) if row.symbol == new.symbol]
            seen = [view.observe(other) for other in others if other != key]
            alive = [row.key for row in seen if isinstance(row, LocalPosition) and row.alive]
            if alive:
                yield Breach(f"{key} is open in {new.symbol} beside {', '.join(alive)}")

    def at_rest(self, view: View) -> Iterable[Breach]:
        rows = [row for row in view.snapshot.positions.values() if row.alive]
        for symbol, held in sorted(view.memory.positions.items()):
            if held.alive and not any(row.symbol == symbol for row in rows):
                yield Breach(f"{symbol} is tracked as {held.status} in memory, and no open row has it")
        for row in rows:
            if row.symbol not in view.memory.positions:
                yield Breach(f"{row.key} is {row.status}, and nobody tracks {row.symbol} in memory")
