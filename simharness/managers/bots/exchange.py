"""The part of ccxt.pro's unified interface that the bot manager uses, and the reading of its errors.

This is the only module that imports ccxt. Any `ccxt.pro` exchange instance satisfies `ExchangeClient`.
"""

from decimal import Decimal
from typing import Any, Protocol

from ccxt.base.errors import (
    BaseError,
    DuplicateOrderId,
    ExchangeError,
    NetworkError,
    OperationFailed,
    OrderNotFound,
)

__all__ = [
    "BaseError",
    "ExchangeClient",
    "NetworkError",
    "OrderDict",
    "OrderNotFound",
    "outcome_is_unknown",
    "wire_number",
]

# A unified ccxt structure; ccxt documents its keys, and absent values are None.
OrderDict = dict[str, Any]


class ExchangeClient(Protocol):
    """An authenticated connection to one trading account, as `ccxt.pro` offers it.

    Every method raises the error classes of `ccxt.base.errors`. `on_connected` is called with each new websocket
    connection, which has a `url`.
    """

    on_connected: Any

    async def create_order(
        self,
        symbol: str,
        type: str,  # noqa: A002 — ccxt's parameter name
        side: str,
        amount: Any,
        price: Any = None,
        params: dict[str, Any] = ...,
    ) -> OrderDict:
        """Send an order; `params["clientOrderId"]` names it before the exchange does."""

    async def cancel_order(self, id: str, symbol: str | None = None, params: dict[str, Any] = ...) -> OrderDict:  # noqa: A002 — ccxt's parameter name
        """Cancel a working order."""

    async def fetch_order(self, id: str, symbol: str | None = None, params: dict[str, Any] = ...) -> OrderDict:  # noqa: A002 — ccxt's parameter name
        """Read one order, by its id or by `params["clientOrderId"]`."""

    async def fetch_open_orders(self, symbol: str | None = None) -> list[OrderDict]:
        """Read all working orders of a symbol."""

    async def watch_orders(self, symbol: str | None = None) -> list[OrderDict]:
        """Wait for the next order updates of the account."""


def outcome_is_unknown(error: BaseError) -> bool:
    """Tell whether a request that ended in `error` may have been executed nevertheless.

    ccxt raises subclasses of ExchangeError for what the exchange refused, but the bare class also for answers that it
    could not classify. OperationFailed covers timeouts, connection losses and 5xx answers. A duplicate client order id
    means that the order is already there.
    """
    return type(error) is ExchangeError or isinstance(error, (OperationFailed, DuplicateOrderId))


def wire_number(value: Decimal) -> str:
    """Return a price or quantity as ccxt takes it without a detour through float.

    ccxt rounds to the market's precision by way of `Decimal(str(value))`, so a plain decimal string stays exact.
    """
    return format(value, "f")
