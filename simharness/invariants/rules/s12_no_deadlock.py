"""S12: no deadlock."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.view import View


class NoDeadlock(Rule):
    """Reports commands that are never answered, with who waits for whom."""

    id = "S12"

    def at_rest(self, view: View) -> Iterable[Breach]:
        if view.stuck and not view.crashed:
            yield Breach("; ".join(view.stuck))
