"""Opening a position as one operation: it ends with a protected position, or with none."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING

from simharness.managers.positions.errors import OpenFailed, PositionError
from simharness.managers.positions.exchange import ExchangeManager, OrderReport
from simharness.managers.positions.orders import ENTRY, OrderIntent, book_missing_fills, flatten
from simharness.managers.positions.repository import PositionRepository
from simharness.managers.positions.state import ZERO, OpenRequest, PositionState, PositionStatus, opening_side
from simharness.managers.positions.stop_loss import StopLossManager

if TYPE_CHECKING:
    from simharness.managers.positions.manager import PositionManager
    from simharness.managers.positions.policies.base import RegistrationPolicy

logger = logging.getLogger(__name__)


class AtomicPositionManager:
    """Row, market order, fill, stop-loss, activation; a failure on the way is rolled back.

    With a `position_manager` the position is announced to it on the way, as its registration policy wants.
    Without one, the caller registers what `open_position` returns.
    """

    def __init__(
        self,
        repository: PositionRepository,
        exchange_manager: ExchangeManager,
        stop_loss_manager: StopLossManager,
        position_manager: PositionManager | None = None,
    ) -> None:
        self.repository = repository
        self.exchange = exchange_manager
        self.stops = stop_loss_manager
        self.desk = stop_loss_manager.desk
        self._manager = position_manager

    @property
    def _policy(self) -> RegistrationPolicy | None:
        return None if self._manager is None else self._manager.policy

    async def open_position(self, request: OpenRequest) -> PositionState:
        """Open a position and return it protected.

        Raises `PositionExists` if the symbol is taken, `OpenFailed` otherwise.
        """
        policy = self._policy
        if request.leverage is not None:
            try:
                await self.exchange.set_leverage(request.symbol, request.leverage)
            except PositionError as error:
                raise OpenFailed(f"{request.symbol}: leverage {request.leverage}: {error}") from error
        position_id = await self.repository.create_position(request, exclusive=policy is not None and policy.exclusive)
        state = PositionState(
            id=position_id,
            symbol=request.symbol,
            side=request.side,
            quantity=ZERO,
            entry_price=ZERO,
            status=PositionStatus.OPENING,
            trailing=request.trailing,
        )
        try:
            if policy is not None:
                policy.row_stored(request.symbol, position_id)
            filled = await self._enter(request, state)
        except Exception as error:
            # No order, or none that we could learn about: if it exists after all, it is unresolved in the database.
            await self._finish(state, PositionStatus.FAILED)
            raise OpenFailed(f"{request.symbol}: {error}") from error
        await self._protect(request, state, filled)
        return state

    async def _enter(self, request: OpenRequest, state: PositionState) -> Decimal:
        """Send the entry order, wait for its end, fill in `state`, and return the filled quantity."""
        intent = OrderIntent(state.id, request.symbol, ENTRY, opening_side(request.side), request.quantity)
        reference, report = await self.desk.submit(intent)
        if self._manager is not None:
            self._manager.pre_register_position(request)
        report = await self.desk.wait_final(reference, report)
        if not report.is_final:
            report = await self._give_up(reference, report)
        if report.filled_or_zero <= ZERO:
            raise OpenFailed(f"the market order ended {report.status} without a fill")
        state.quantity = report.filled_or_zero
        state.entry_price = report.average_price or await self._entry_price(state, report)
        if self._policy is not None:
            self._policy.filled(state, report)
        return report.filled_or_zero

    async def _give_up(self, reference: str, report: OrderReport) -> OrderReport:
        row = await self.repository.get_order(reference)
        end = None if row is None else await self.desk.cancel(row)
        return report if end is None else report.merged_with(end)

    async def _entry_price(self, state: PositionState, report: OrderReport) -> Decimal:
        """Return the price of an order whose reports name none: from its fills, else from the market."""
        fills = report.fills or await self.repository.fills_of(state.id)
        quantity = sum((fill.quantity for fill in fills), ZERO)
        if quantity:
            return sum((fill.quantity * fill.price for fill in fills), ZERO) / quantity
        price = await self.exchange.fetch_mark_price(state.symbol)
        if not price:
            raise OpenFailed(f"{state.symbol}: neither the order nor the market has a price")
        return price

    async def _protect(self, request: OpenRequest, state: PositionState, filled: Decimal) -> None:
        try:
            await self.stops.place(state, request.stop_price, filled)
            if self._policy is None:
                await self.desk.save(state.symbol, state, activate=True)
            else:
                await self._policy.activate(state)
        except Exception as error:
            await self._roll_back(state, filled)
            raise OpenFailed(f"{request.symbol}: {error}") from error

    async def _roll_back(self, state: PositionState, filled: Decimal) -> None:
        """Close what was opened, with reduce-only orders, and remove its stops.

        If that fails too, the row stays CLOSING, and so does `state`.
        """
        state.status = PositionStatus.CLOSING
        try:
            await self.repository.update_position(state.id, status=PositionStatus.CLOSING)
            left = await flatten(self.desk, state, filled)
            if left > ZERO:
                logger.error("%s: %s contracts could not be rolled back", state.symbol, left)
                return
            await self.stops.cancel_all(state.id)
            await self._finish(state, PositionStatus.CLOSED)
        except PositionError as error:
            logger.exception("%s: rollback of position %s failed", state.symbol, state.id, exc_info=error)

    async def _finish(self, state: PositionState, status: PositionStatus) -> None:
        references = await book_missing_fills(self.desk, state.symbol, state.id)
        await self.repository.finish(state.id, status)
        time_ms = await self.desk.forget(state.symbol, references)
        state.status = status
        if self._policy is not None:
            self._policy.closed(state, time_ms)
