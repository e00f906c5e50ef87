"""S12: no deadlock; no external await under a row lock (a warning)."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.view import View


class NoDeadlock(Rule):
    """Reports commands that are never answered, with who waits for whom, and requests that were sent under a lock.

    Whoever waits for the venue with an open transaction that has written makes others wait for the venue too: for the
    row, or on SQLite for the whole database. It is a warning: slow, and half of a deadlock, but not wrong by itself.
    The transaction counts as that of the task that used its connection last, so a request that another task sends on
    its behalf is not seen.
    """

    id = "S12"

    def at_rest(self, view: View) -> Iterable[Breach]:
        if view.stuck and not view.crashed:
            yield Breach("; ".join(view.stuck))
        for sentence, step in sorted(view.under_lock.items()):
            yield Breach(sentence, step=step, warning=True)
