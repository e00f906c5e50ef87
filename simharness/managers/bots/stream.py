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

    A gap ends when a new connection stands: what came before it the exchange can be asked for, what comes after it the
    stream tells. The error of `watch_orders` is no sign to rely on: a connection that breaks while an update waits to
    be taken makes no call fail, and the next one connects again without a word.

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
        self._inner_hook: Callable[..., object] = exchange.on_connected
        self._connected_before: set[str] = set()

    async def run(self) -> None:
        """Follow the stream until cancelled.

        Errors other than a lost connection, such as revoked keys, end the stream and are raised.
        """
        # ccxt's own hook has work to do, and may be somebody else's by now.
        self._inner_hook, self._exchange.on_connected = self._exchange.on_connected, self._connected
        try:
            await self._follow()
        finally:
            self._exchange.on_connected = self._inner_hook

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                orders = await self._exchange.watch_orders()
            except NetworkError as error:
                pause_s = self._backoff_s[min(failures, len(self._backoff_s) - 1)]
                failures += 1
                logger.warning("order stream lost (%s), reconnecting in %s s", error, pause_s)
                await asyncio.sleep(pause_s)
                continue
            failures = 0
            for order in orders:
                # ccxt keeps its order structures and changes them with later updates.
                self._hand_over(copy.deepcopy(order))

    def _connected(self, socket: Any, *details: Any) -> None:
        """Take note of a new connection; the first to a place is no reconnect: a start compares by itself."""
        self._inner_hook(socket, *details)
        if self._on_reconnect is not None and socket.url in self._connected_before:
            self._background.spawn(self._on_reconnect(), "reconcile after a gap")
        self._connected_before.add(socket.url)

    def _hand_over(self, order: dict[str, Any]) -> None:
        name = f"order event {order.get('id')}"
        try:
            work = self._handler.handle(order)
        except Exception:
            # One update that cannot be read must not keep the others from being applied.
            logger.exception("%s failed", name)
        else:
            self._background.spawn(work, name)
