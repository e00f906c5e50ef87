"""Follows the account's order updates and hands each one to its own task, as socket clients do."""

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from simharness.managers.bots.background import BackgroundTasks
from simharness.managers.bots.exchange import ExchangeClient, NetworkError

logger = logging.getLogger(__name__)


class OrderSink(Protocol):
    """Whoever takes order updates."""

    def handle(self, order: Mapping[str, Any]) -> Awaitable[None]:
        """Take one unified order structure in, in the order of delivery; what is returned applies it."""


class OrderStream:
    """The account's order updates, followed across disconnects.

    Args:
        exchange: the connection whose `watch_orders` is followed.
        handler: takes each update.
        background: runs what the handler returns.
        backoff_s: pause before each attempt to reconnect, in seconds; the last one repeats.
        on_reconnect: compares with the exchange after a gap, for updates in the gap are never repeated.
    """

    def __init__(
        self,
        exchange: ExchangeClient,
        handler: OrderSink,
        background: BackgroundTasks,
        *,
        backoff_s: tuple[float, ...],
        on_reconnect: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._exchange = exchange
        self._handler = handler
        self._background = background
        self._on_reconnect = on_reconnect
        self._backoff_s = backoff_s

    async def run(self) -> None:
        """Follow the stream until cancelled.

        Errors other than a lost connection, such as revoked keys, end the stream and are raised.
        """
        failures = 0
        while True:
            try:
                orders = await self._exchange.watch_orders()
            except NetworkError as error:
                pause_s = self._backoff_s[min(failures, len(self._backoff_s) - 1)]
                failures += 1
                logger.warning("order stream lost (%s), reconnecting in %s s", error, pause_s)
                await asyncio.sleep(pause_s)
                if self._on_reconnect is not None:
                    # As a task, which starts once watch_orders below has asked to subscribe again.
                    self._background.spawn(self._on_reconnect(), "reconcile after a gap")
                continue
            failures = 0
            for order in orders:
                # ccxt keeps its order structures and changes them with later updates.
                self._hand_over(copy.deepcopy(order))

    def _hand_over(self, order: dict[str, Any]) -> None:
        name = f"order event {order.get('id')}"
        try:
            work = self._handler.handle(order)
        except Exception:
            # One update that cannot be read must not keep the others from being applied.
            logger.exception("%s failed", name)
        else:
            self._background.spawn(work, name)
