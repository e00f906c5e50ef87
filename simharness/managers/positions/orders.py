"""How orders leave the house and how their outcome is learned.

`PlainDesk` does what most bots do: send, then write down what came back. If nothing comes back, nothing
is known. `write_ahead.WriteAheadDesk` commits the order under its own id first, merges answers and events
about it in any order, and asks the exchange by that id when the outcome is unknown.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from simharness.managers.positions.errors import OrderMissing, OrderRefused, OutcomeUnknown
from simharness.managers.positions.exchange import ExchangeManager, OrderReport
from simharness.managers.positions.models import OrderRow
from simharness.managers.positions.repository import PositionRepository
from simharness.managers.positions.state import ZERO, OrderSide, PositionState, closing_side

Answer = TypeVar("Answer")
ENTRY, STOP, CLOSE = "entry", "stop", "close"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait and how often to ask; seconds of the loop's clock."""

    poll_s: float = 0.5  # asyncio's own unit
    polls: int = 20
    query_backoff_s: float = 0.25
    queries: int = 5
    lost_after_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order to be sent for a position; `trigger_price` makes it a stop. All but entries are reduce-only."""

    position_id: str
    symbol: str
    role: str
    side: OrderSide
    quantity: Decimal
    trigger_price: Decimal | None = None


class OrderDesk(ABC):
    """Sends orders, stores them, and follows them to their end."""

    def __init__(self, repository: PositionRepository, exchange: ExchangeManager, timing: Timing | None = None) -> None:
        self.repository = repository
        self.exchange = exchange
        self.timing = timing or Timing()

    @abstractmethod
    async def submit(self, intent: OrderIntent) -> tuple[str, OrderReport]:
        """Send an order and return its reference and what is known of it.

        Raises `OrderRefused` if it was certainly not executed, `OutcomeUnknown` if it may have been.
        """

    @abstractmethod
    async def wait_final(self, reference: str, report: OrderReport) -> OrderReport:
        """Return the newest report on an order when it is final, or when waiting has been long enough."""

    @abstractmethod
    async def on_report(self, report: OrderReport) -> str | None:
        """Take in an event of the order stream and return the reference of the order, if it is ours."""

    @abstractmethod
    async def cancel(self, row: OrderRow) -> OrderReport | None:
        """Cancel an order if it still works and return its end, or `None` while that is not known."""

    @abstractmethod
    async def look_up(self, row: OrderRow) -> OrderReport | None:
        """Return what is known of an order by now, or `None` if that cannot be learned."""

    async def insist(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask again while answers are lost, `timing.queries` times in all; the last failure is raised."""
        for attempt in range(1, self.timing.queries):
            try:
                return await ask()
            except OutcomeUnknown:
                await asyncio.sleep(self.timing.query_backoff_s * attempt)
        return await ask()

    async def on_lost(self, row: OrderRow) -> None:
        """Store that an order never arrived at the exchange."""
        await self.repository.record({row.reference: OrderReport(symbol=row.symbol, status="rejected")})

    def lost_track(self, symbol: str) -> bool:
        """Tell, once, whether an order of the symbol was sent of which nobody knows whether it arrived."""
        return False

    @abstractmethod
    def read(self, symbol: str) -> None:
        """Take in the events on the symbol's orders that are kept until somebody wants to know."""

    async def save(self, symbol: str, state: PositionState | None = None, *, activate: bool = False) -> None:
        """Store what was learned of the symbol's orders, and `state`, which with `activate` becomes ACTIVE."""
        if state is not None:
            await self.repository.record({}, state, activate=activate)

    def knows_fills(self, row: OrderRow) -> bool:
        """Tell whether all executions of an order are known to be booked, without asking the database."""
        return row.filled <= ZERO

    @abstractmethod
    async def forget(self, symbol: str, references: Iterable[str]) -> int | None:
        """Drop what is remembered of a finished position's orders, and return the newest time in it (ms)."""

    async def _send(self, intent: OrderIntent, client_id: str | None) -> OrderReport:
        if intent.trigger_price is not None:
            return await self.exchange.stop_order(
                intent.symbol, intent.side, intent.quantity, intent.trigger_price, client_id=client_id
            )
        return await self.exchange.market_order(
            intent.symbol, intent.side, intent.quantity, reduce_only=intent.role != ENTRY, client_id=client_id
        )


class PlainDesk(OrderDesk):
    """Send first, write afterwards, under the exchange's order id."""

    async def submit(self, intent: OrderIntent) -> tuple[str, OrderReport]:
        """Send the order; if the answer is lost, so is the order."""
        report = await self._send(intent, None)
        if report.exchange_id is None:
            raise OutcomeUnknown(f"{intent.symbol}: the answer to a {intent.role} order names no order")
        reference = await self.repository.add_order(
            intent.position_id,
            intent.role,
            intent.side,
            intent.quantity,
            symbol=intent.symbol,
            trigger_price=intent.trigger_price,
            reference=report.exchange_id,
        )
        await self.repository.record({reference: report})
        return reference, report

    async def wait_final(self, reference: str, report: OrderReport) -> OrderReport:
        """Ask for the order until it is final."""
        for _ in range(self.timing.polls):
            if report.is_final:
                break
            await asyncio.sleep(self.timing.poll_s)
            report = await self.exchange.fetch_order(report.symbol, exchange_id=reference)
            await self.repository.record({reference: report})
        return report

    def read(self, symbol: str) -> None:
        """Do nothing: events are recorded when they arrive."""

    async def on_report(self, report: OrderReport) -> str | None:
        """Record the event if the order's row is there already."""
        reference = report.exchange_id
        if reference is None or await self.repository.get_order(reference) is None:
            return None
        await self.repository.record({reference: report})
        return reference

    async def cancel(self, row: OrderRow) -> OrderReport | None:
        """Cancel the order; one that is not working any more is left as it is."""
        report = OrderReport(symbol=row.symbol, exchange_id=row.reference, status="canceled")
        try:
            await self.exchange.cancel_order(row.symbol, row.reference, conditional=row.role == STOP)
        except OrderMissing:
            return None
        await self.repository.record({row.reference: report})
        return report

    async def look_up(self, row: OrderRow) -> OrderReport | None:
        """Ask the exchange."""
        try:
            report = await self.exchange.fetch_order(
                row.symbol, exchange_id=row.reference, conditional=row.role == STOP
            )
        except (OrderMissing, OrderRefused, OutcomeUnknown):
            return None
        await self.repository.record({row.reference: report})
        return report

    async def forget(self, symbol: str, references: Iterable[str]) -> int | None:
        """Return `None`: nothing is remembered."""
        return None


async def flatten(desk: OrderDesk, state: PositionState, quantity: Decimal, attempts: int = 3) -> Decimal:
    """Close `quantity` contracts of a position with reduce-only market orders and return what is left.

    An order that ends partly filled is followed by one for the rest. Raises `OrderRefused` (nothing to
    reduce, for instance) or `OutcomeUnknown`.
    """
    left = quantity
    for _ in range(attempts):
        if left <= 0:
            break
        intent = OrderIntent(state.id, state.symbol, CLOSE, closing_side(state.side), left)
        reference, report = await desk.submit(intent)
        report = await desk.wait_final(reference, report)
        left -= report.filled_or_zero
        if not report.is_final:
            raise OutcomeUnknown(f"{reference}: not final after {desk.timing.polls} polls")
    return left


async def book_missing_fills(desk: OrderDesk, symbol: str, position_id: str) -> list[str]:
    """Ask for the executions of a position's orders that nobody reported, and return the orders' references."""
    desk.read(symbol)
    await desk.save(symbol)
    orders = await desk.repository.orders_of(position_id)
    doubtful = [order for order in orders if not desk.knows_fills(order)]
    if doubtful:
        booked: dict[str, Decimal] = {}
        for fill in await desk.repository.fills_of(position_id):
            booked[fill.reference] = booked.get(fill.reference, ZERO) + fill.quantity
        for order in doubtful:
            if order.filled > booked.get(order.reference, ZERO):
                await desk.look_up(order)
    return [order.reference for order in orders]
