"""Q5: a bot is auto-stopped only after a cancel it did not ask for, and a stopped bot has no working order."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import OwnerState, Snapshot
from simharness.invariants.view import View


class NoSpuriousStop(Rule):
    """Looks at the stopped bots when the system is quiet."""

    id = "Q5"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return bool(snapshot.owners)

    def at_rest(self, view: View) -> Iterable[Breach]:
        for key, owner in sorted(view.snapshot.owners.items()):
            if owner.state not in (OwnerState.STOPPED, OwnerState.DELETED):
                continue
            step = view.commits.get(key)
            if owner.state is OwnerState.STOPPED and not self._stop_was_due(view, owner.symbol):
                yield Breach(f"{key} was auto-stopped after a cancel that it asked for itself", step=step)
            working = [] if view.venue is None else view.venue.open_orders(owner.symbol)
            others = sum(
                each.symbol == owner.symbol and each.state is OwnerState.ACTIVE
                for each in view.snapshot.owners.values()
            )
            if len(working) > others:
                ids = ", ".join(order.id for order in working)
                yield Breach(f"{key} is {owner.state}, but {ids} still works at the venue", step=step)

        yield from self._misread_cancels(view)

    @staticmethod
    def _misread_cancels(view: View) -> Iterable[Breach]:
        """Yield the orders that are on record as cancelled by hand although the program asked for it."""
        for key, order in sorted(view.snapshot.orders.items()):
            if order.reason != "MANUAL" or view.venue is None or order.exchange_id is None:
                continue
            there = view.venue.order(order.exchange_id)
            if there is not None and there.status == "canceled" and not there.reason:
                yield Breach(
                    f"{key} is on record as cancelled by hand, but the program cancelled it", step=view.commits.get(key)
                )

    @staticmethod
    def _stop_was_due(view: View, symbol: str) -> bool:
        """Whether somebody asked for a stop, or an order was cancelled by somebody else."""
        if any("stop" in command.lower() or command.startswith("DELETE") for command in view.commands):
            return True
        return view.venue is not None and any(
            order.status in ("canceled", "expired", "rejected") and order.reason for order in view.venue.orders(symbol)
        )
