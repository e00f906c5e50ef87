"""S9: no placeholder or uncommitted identity reaches another component or the database."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule, changed
from simharness.invariants.snapshot import LocalPosition, Snapshot
from simharness.invariants.view import View


class NoPlaceholderLeak(Rule):
    """Looks for what a placeholder leaves behind, not for the placeholder.

    That a placeholder lies in memory harms nobody, and looking into memory between two steps would need every reader's
    key. That somebody used it shows in what the program itself does: a row with the values of one, or an error of
    the component that was given its id or its price of zero (``Memory.leaks``).
    """

    id = "S9"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return "positions" in snapshot.keeps

    def on_commit(self, view: View, before: Snapshot) -> Iterable[Breach]:
        for key, _, new in changed(before, view.snapshot, "positions"):
            if isinstance(new, LocalPosition) and new.placeholder:
                yield Breach(f"{key} was written with the values of a placeholder")

    def at_rest(self, view: View) -> Iterable[Breach]:
        for sentence, step in sorted(view.memory.leaks.items()):
            yield Breach(sentence, step=step)
        for symbol, held in sorted(view.memory.positions.items()):
            if held.placeholder:
                yield Breach(f"a placeholder of {symbol} is left among the tracked positions")
