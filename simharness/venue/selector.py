"""How a scenario names an order that may not exist yet."""

from __future__ import annotations

from dataclasses import dataclass

from simharness.venue.order import Order, OrderType, Side
from simharness.venue.store import Store


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """The ``nth`` order, in the order of creation, that fits everything given.

    Args:
        symbol: the market; not needed with ``id``.
        side: buy or sell.
        type: how it is priced.
        nth: counted from 1.
        id: the venue's name of the order; then nothing else is looked at.
    """

    symbol: str = ""
    side: Side | None = None
    type: OrderType | None = None
    nth: int = 1
    id: str | None = None

    def find(self, store: Store) -> Order | None:
        """Return the order, if it exists by now."""
        if self.id is not None:
            return store.order(self.id)
        fitting = [order for order in store.orders(self.symbol) if self._fits(order)]
        return fitting[self.nth - 1] if len(fitting) >= self.nth else None

    def exists(self, store: Store) -> bool:
        """Return whether the order exists by now."""
        return self.find(store) is not None

    def _fits(self, order: Order) -> bool:
        request = order.request
        return (self.side is None or request.side is self.side) and (self.type is None or request.type is self.type)

    def __str__(self) -> str:
        if self.id is not None:
            return self.id
        words = [word for word in (self.side, self.type) if word is not None]
        return " ".join([f"{self.symbol} order {self.nth}", *words])


OrderSelector = str | OrderQuery
