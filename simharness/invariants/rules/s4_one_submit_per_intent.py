"""S4: one submit per intent, also when the outcome is unknown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.view import View

if TYPE_CHECKING:
    from simharness.venue import Order


class OneSubmitPerIntent(Rule):
    """Looks for orders at the venue that repeat another one which the program lost sight of.

    An intent has no name of its own at the venue unless the program gives it one. So two orders are one intent if
    they carry the same client id, or if they ask for the same thing and at least one of them is in no row.
    """

    id = "S4"

    def at_rest(self, view: View) -> Iterable[Breach]:
        if view.venue is None:
            return
        by_client_id: dict[tuple[str, str], list[Order]] = defaultdict(list)
        by_wish: dict[object, list[Order]] = defaultdict(list)
        for order in view.venue.orders():
            wish = order.request
            if wish.client_id is not None:
                by_client_id[order.symbol, wish.client_id].append(order)
            by_wish[wish.symbol, wish.side, wish.type, wish.quantity, wish.price, wish.trigger_price].append(order)
        for (_, client_id), same in by_client_id.items():
            if len(same) > 1:
                yield Breach(f"{_names(same)} were all submitted as {client_id}")
        for same in by_wish.values():
            lost = [each for each in same if view.order_at(each.id, each.request.client_id) is None]
            if lost and len(same) > 1:
                yield Breach(f"{_names(same)} ask for the same thing, and {_names(lost)} is in no row: sent once more")


def _names(orders: list[Order]) -> str:
    return ", ".join(order.id for order in orders)
