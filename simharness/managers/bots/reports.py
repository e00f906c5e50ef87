"""What the exchange says about an order, read out of ccxt's unified structure once and without floats."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simharness.managers.bots.models import OrderStatus

# ccxt's unified statuses. "open" is absent: whether an open order is partially filled follows from its quantity.
_FINAL_STATUSES = {
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "expired": OrderStatus.CANCELLED,
    "rejected": OrderStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class OrderReport:
    """An order as the exchange reported it; None means that the report does not say.

    Attributes:
        exchange_order_id: the exchange's name of the order.
        client_order_id: our name of it.
        final_status: how it ended; None while it is open, or if the report is silent about it.
        filled: cumulative filled quantity, in units of the base currency.
        cost: what that cost or brought in, cumulative, in units of the quote currency.
    """

    exchange_order_id: str | None
    client_order_id: str | None
    final_status: OrderStatus | None
    filled: Decimal | None
    cost: Decimal | None

    @classmethod
    def from_ccxt(cls, order: Mapping[str, Any]) -> "OrderReport":
        """Read a unified order structure; keys that are absent or None stay unknown, they are not zero."""
        return cls(
            exchange_order_id=_text(order.get("id")),
            client_order_id=_text(order.get("clientOrderId")),
            final_status=_FINAL_STATUSES.get(str(order.get("status"))),
            filled=_number(order.get("filled")),
            cost=_number(order.get("cost")),
        )

    @property
    def settles(self) -> bool:
        """Whether the report says all there is to know: the order has ended, and with how much filled."""
        return self.final_status is not None and self.filled is not None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _number(value: object) -> Decimal | None:
    # By way of str: Decimal(0.1) would carry the error of the float that JSON made of it.
    return None if value is None else Decimal(str(value))
