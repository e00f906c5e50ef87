"""Q6: what was rolled back or closed leaves nothing behind: cache, buffers, stops, locks."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Snapshot
from simharness.invariants.view import View


class NothingLeftBehind(Rule):
    """Looks at the symbols without an open row when the system is quiet, and at locks whoever holds them."""

    id = "Q6"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return "positions" in snapshot.keeps

    def at_rest(self, view: View) -> Iterable[Breach]:
        alive = {row.symbol for row in view.snapshot.positions.values() if row.alive}
        memory = view.memory
        for symbol, held in sorted(memory.positions.items()):
            if symbol not in alive:
                what = "a placeholder" if held.placeholder else f"a position that is {held.status}"
                yield Breach(f"{symbol} has no open row, and memory still has {what}")
        for lock in sorted(memory.locked):
            yield Breach(f"{lock} is still locked: no other position can be opened")
        for symbol, count in sorted(memory.buffered.items()):
            if symbol not in alive:
                yield Breach(f"{symbol} has no open row, and {count} of its updates still wait in a buffer")
        yield from self._orders(view)

    @staticmethod
    def _orders(view: View) -> Iterable[Breach]:
        over = {key for key, row in view.snapshot.positions.items() if not row.alive}
        for key in sorted(view.memory.followed):
            order = view.snapshot.orders.get(key)
            if order is not None and order.owner in over:
                yield Breach(f"{key} is still followed in memory, and its position is over")
        if view.venue is None:
            return
        for working in view.venue.open_orders():
            known = view.order_at(working.id, working.request.client_id)
            if known is not None and known.owner in over:
                yield Breach(f"{working.id} still works at the venue for {known.owner}, which is over")
