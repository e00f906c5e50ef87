"""Stop-loss orders: placed with retries, replaced without a gap, cancelled when the position is over."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal

from simharness.managers.positions.errors import OrderRefused, OutcomeUnknown, StopLossFailed
from simharness.managers.positions.exchange import FINAL_STATUSES
from simharness.managers.positions.orders import STOP, OrderDesk, OrderIntent
from simharness.managers.positions.state import PositionState, closing_side

logger = logging.getLogger(__name__)


class StopLossManager:
    """Places and cancels stop-losses through `desk`, trying `attempts` times, `backoff_s` seconds apart."""

    def __init__(self, desk: OrderDesk, attempts: int = 3, backoff_s: float = 0.5) -> None:
        self.desk = desk
        self._attempts = attempts
        self._backoff_s = backoff_s

    async def place(self, state: PositionState, stop_price: Decimal, quantity: Decimal | None = None) -> None:
        """Place a stop for `quantity` (or all of the position) and note it in `state`; raise `StopLossFailed`.

        An attempt whose outcome is unknown is followed by another order: two reduce-only stops do less
        harm than none, and the synchronisation cancels the one that is not the position's.
        """
        amount = state.quantity if quantity is None else quantity
        intent = OrderIntent(state.id, state.symbol, STOP, closing_side(state.side), amount, stop_price)
        for attempt in range(1, self._attempts + 1):
            try:
                reference, _ = await self.desk.submit(intent)
            except (OrderRefused, OutcomeUnknown) as error:
                logger.warning("%s: stop-loss attempt %d of %d: %s", state.symbol, attempt, self._attempts, error)
                if attempt < self._attempts:
                    await asyncio.sleep(self._backoff_s * attempt)
            else:
                state.stop_price = stop_price
                state.stop_reference = reference
                return
        raise StopLossFailed(f"{state.symbol}: no stop-loss after {self._attempts} attempts")

    async def cancel_all(self, position_id: str, keep: str | None = None) -> None:
        """Cancel the position's stops, except the one with the reference `keep`.

        A stop whose cancellation cannot be confirmed stays unresolved in the database, where the
        synchronisation finds it.
        """
        for row in await self.desk.repository.orders_of(position_id):
            if row.role != STOP or row.reference == keep or row.status in FINAL_STATUSES:
                continue
            try:
                report = await self.desk.cancel(row)
            except (OrderRefused, OutcomeUnknown) as error:
                logger.warning("%s: stop %s not cancelled: %s", row.symbol, row.reference, error)
                continue
            if report is None:
                logger.info("%s: the end of stop %s is not known yet", row.symbol, row.reference)
