"""The position manager: what is tracked, and everything that may be done with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from simharness.managers.positions import closing, protection, sync, trailing
from simharness.managers.positions.atomic import AtomicPositionManager
from simharness.managers.positions.exchange import ExchangeManager, OrderReport
from simharness.managers.positions.orders import STOP, OrderDesk
from simharness.managers.positions.policies import POLICIES
from simharness.managers.positions.policies.base import RegistrationPolicy, Work
from simharness.managers.positions.repository import PositionRepository
from simharness.managers.positions.state import OpenRequest, PositionState, PositionStatus, PositionUpdate
from simharness.managers.positions.stop_loss import StopLossManager

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class PositionSettings:
    """Limits: `max_loss` and `default_stop` are fractions of the entry price, intervals are seconds.

    One snapshot without a position proves nothing; `absences` of them in a row are taken for its end. After a
    reconnect the synchronisation is tried `resyncs` times; then the periodic one has to do.
    """

    max_loss: Decimal = Decimal("0.20")
    default_stop: Decimal = Decimal("0.02")
    absences: int = 3
    sync_interval_s: float = 30.0  # asyncio's own unit
    protection_interval_s: float = 15.0
    reconnect_s: float = 1.0
    resyncs: int = 5


class PositionManager:
    """Tracks positions by symbol.

    `positions` holds the tracked ones; `position_locks` (key → when, in ms) and `pending_updates` belong
    to the published fix. `policy` is the name of a registration policy; the desk of `stop_loss_manager`
    has to fit it, which `build_position_manager` sees to.
    """

    def __init__(
        self,
        repository: PositionRepository,
        exchange_manager: ExchangeManager,
        stop_loss_manager: StopLossManager,
        policy: str = "versioned-intent",
        settings: PositionSettings | None = None,
    ) -> None:
        self.repository = repository
        self.exchange = exchange_manager
        self.stops = stop_loss_manager
        self.settings = settings or PositionSettings()
        self.positions: dict[str, PositionState] = {}
        self.pending_updates: dict[str, list[PositionUpdate]] = {}
        self.position_locks: dict[str, int] = {}
        self.commands: set[asyncio.Task[Any]] = set()
        self._later: set[asyncio.Task[None]] = set()
        self._ending = asyncio.Event()
        self.policy: RegistrationPolicy = POLICIES[policy](self)
        self.atomic = AtomicPositionManager(repository, exchange_manager, stop_loss_manager, position_manager=self)

    @property
    def desk(self) -> OrderDesk:
        """What sends orders."""
        return self.stops.desk

    async def open_position(self, request: OpenRequest) -> PositionState:
        """Open a position; raise `PositionExists` or `OpenFailed`."""
        self.policy.begin(request)
        return await self._finishing(self._open(request))

    async def _open(self, request: OpenRequest) -> PositionState:
        try:
            async with self.policy.guard(request.symbol):
                state = await self.atomic.open_position(request)
                await self.register_position(state)
        except BaseException:
            self.policy.abandon(request.symbol)
            raise
        finally:
            if self.desk.lost_track(request.symbol):
                self._resolve_later()
        if state.is_flat and state.status is PositionStatus.ACTIVE:
            # Its stop was faster than we: nobody else will come back to it.
            await closing.settle(self, request.symbol)
        return state

    def pre_register_position(self, request: OpenRequest) -> None:
        """Announce that the market order of `request` was answered, as the published fix has it."""
        self.policy.ordered(request)

    async def register_position(self, state: PositionState) -> None:
        """Track a position whose open is complete, also one that was opened without this manager."""
        await self.policy.register(state)

    async def close_position(self, symbol: str) -> bool:
        """Close the position of `symbol` and return whether there was one; raise `CloseFailed`.

        Under `versioned-intent` an open that is under way is waited for, and then closed.
        """
        return await self._finishing(self._close(symbol))

    async def _close(self, symbol: str) -> bool:
        async with self.policy.guard(symbol):
            state = self.positions.get(symbol)
            if state is None:
                return False
            await closing.close_tracked(self, state)
            return True

    async def _finishing(self, command: Coroutine[Any, Any, Result]) -> Result:
        """Run a command; under write-ahead it goes on to its end even if its caller is cancelled."""
        if not self.policy.write_ahead:
            return await command
        task = asyncio.create_task(command)
        self.commands.add(task)
        task.add_done_callback(self.commands.discard)
        return await asyncio.shield(task)

    async def _on_position_update(self, report: Mapping[str, Any]) -> None:
        """Handle one ccxt position of the stream."""
        if (work := self.take_position(report)) is not None:
            await work

    def take_position(self, report: Mapping[str, Any]) -> Work | None:
        """Take in one ccxt position of the stream and return what is left to do.

        What happens in here happens in the order of the stream; `versioned-intent` leaves only what has to wait.
        """
        return self.policy.take(PositionUpdate.from_ccxt(report))

    async def after_update(self, state: PositionState) -> None:
        """Do what follows from a report that was applied: store it, settle the position, or move its stop."""
        await self.policy.store(state)
        if state.is_flat:
            if state.status is PositionStatus.ACTIVE:
                await closing.settle(self, state.symbol)
        elif trailing.trailing_stop(state) is not None:
            await trailing.trail(self, state.symbol)

    async def _on_order_update(self, order: Mapping[str, Any]) -> None:
        """Handle one ccxt order of the stream: its executions are booked, and a stop that fired ends its position."""
        if (work := self.take_order(order)) is not None:
            await work

    def take_order(self, order: Mapping[str, Any]) -> Work | None:
        """Take in one ccxt order of the stream and return what is left to do, as `take_position` does."""
        return self.policy.take_order(OrderReport.from_ccxt(order))

    async def after_order(self, report: OrderReport) -> None:
        """Record an event of the order stream, and settle the position if its stop was executed."""
        reference = await self.desk.on_report(report)
        if reference is None or not report.is_final or not report.filled_or_zero:
            return
        state = self.positions.get(report.symbol)
        if state is None or state.status is not PositionStatus.ACTIVE:
            return
        row = await self.repository.get_order(reference)
        if row is not None and row.role == STOP and state.id == str(row.position_id):
            await closing.settle(self, report.symbol)

    async def sync_with_exchange(self, *, patient: bool = False) -> None:
        """Compare with the exchange once and repair what differs; with `patient`, wait for opens under way."""
        await sync.sync_with_exchange(self, patient=patient)

    async def check_protection(self) -> None:
        """See once that every position is protected."""
        await protection.check_protection(self)

    async def recover(self) -> None:
        """Bring database, memory and exchange together after a start; call it before anything else.

        The synchronisation is all it takes: it recovers the rows that nobody tracks, and now these are all.
        """
        await sync.sync_with_exchange(self)
        if self.policy.write_ahead and await self.repository.unresolved_orders():
            self._resolve_later()

    def _resolve_later(self) -> None:
        """Ask again for orders that nobody could find, when their requests can no longer be on their way."""
        task = asyncio.create_task(self._resolve())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _resolve(self) -> None:
        try:
            async with asyncio.timeout(self.desk.timing.lost_after_ms / 1000):
                await self._ending.wait()
        except TimeoutError:
            await sync.resolve_orders(self)

    async def drain(self) -> None:
        """Wait for the commands that are under way, whose callers may be gone."""
        # Who waits need not wait on; who is at work with the database is not interrupted.
        self._ending.set()
        await asyncio.gather(*self._later, return_exceptions=True)
        while self.commands:
            await asyncio.wait(list(self.commands))
