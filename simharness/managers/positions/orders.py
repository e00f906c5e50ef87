"""How orders leave the house and how their outcome is learned.

`PlainDesk` does what most bots do: send, then write down what came back. If nothing comes back, nothing
is known. `WriteAheadDesk` commits the order under its own id first, merges answers and events about it
in any order, and asks the exchange by that id when the outcome is unknown.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal

from simharness.managers.positions.errors import OrderMissing, OrderRefused, OutcomeUnknown
from simharness.managers.positions.exchange import FINAL_STATUSES, ExchangeManager, OrderReport
from simharness.managers.positions.models import OrderRow
from simharness.managers.positions.repository import PositionRepository
from simharness.managers.positions.state import ZERO, OrderSide, PositionState, closing_side

ENTRY, STOP, CLOSE = "entry", "stop", "close"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait and how often to ask; seconds of the loop's clock."""

    poll_s: float = 0.5  # asyncio's own unit
    polls: int = 20
    query_backoff_s: float = 0.25
    queries: int = 5
    lost_after_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order to be sent for a position; `trigger_price` makes it a stop. All but entries are reduce-only."""

    position_id: str
    symbol: str
    role: str
    side: OrderSide
    quantity: Decimal
    trigger_price: Decimal | None = None


class KeyedLocks:
    """One `asyncio.Lock` per key, which is forgotten when nobody holds or awaits it."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of `key`; waiters get it in the order in which they came."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._users[key] = self._users.get(key, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._locks[key]

    def is_used(self, key: str) -> bool:
        """Tell whether somebody holds or awaits the lock of `key`."""
        return key in self._locks


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

    async def on_lost(self, row: OrderRow) -> None:
        """Store that an order never arrived at the exchange."""
        await self.repository.record_order(row.reference, OrderReport(symbol=row.symbol, status="rejected"))

    @abstractmethod
    def forget(self, references: Iterable[str]) -> int | None:
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
        await self.repository.record_order(reference, report)
        return reference, report

    async def wait_final(self, reference: str, report: OrderReport) -> OrderReport:
        """Ask for the order until it is final."""
        for _ in range(self.timing.polls):
            if report.is_final:
                break
            await asyncio.sleep(self.timing.poll_s)
            report = await self.exchange.fetch_order(report.symbol, exchange_id=reference)
            await self.repository.record_order(reference, report)
        return report

    async def on_report(self, report: OrderReport) -> str | None:
        """Record the event if the order's row is there already."""
        reference = report.exchange_id
        if reference is None or await self.repository.get_order(reference) is None:
            return None
        await self.repository.record_order(reference, report)
        return reference

    async def cancel(self, row: OrderRow) -> OrderReport | None:
        """Cancel the order; one that is not working any more is left as it is."""
        report = OrderReport(symbol=row.symbol, exchange_id=row.reference, status="canceled")
        try:
            await self.exchange.cancel_order(row.symbol, row.reference, conditional=row.role == STOP)
        except OrderMissing:
            return None
        await self.repository.record_order(row.reference, report)
        return report

    async def look_up(self, row: OrderRow) -> OrderReport | None:
        """Ask the exchange."""
        try:
            report = await self.exchange.fetch_order(
                row.symbol, exchange_id=row.reference, conditional=row.role == STOP
            )
        except (OrderMissing, OrderRefused, OutcomeUnknown):
            return None
        await self.repository.record_order(row.reference, report)
        return report

    def forget(self, references: Iterable[str]) -> int | None:
        """Return `None`."""
        return None


class WriteAheadDesk(OrderDesk):
    """Write first, send afterwards, under an id of our own; `prefix` keeps bots on one account apart."""

    def __init__(
        self,
        repository: PositionRepository,
        exchange: ExchangeManager,
        timing: Timing | None = None,
        prefix: str = "pos-",
    ) -> None:
        super().__init__(repository, exchange, timing)
        self._prefix = prefix
        self.reports: dict[str, OrderReport] = {}
        self._stored: dict[str, OrderReport] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._writing = KeyedLocks()

    async def submit(self, intent: OrderIntent) -> tuple[str, OrderReport]:
        """Commit the order, send it, and find out what became of it if the answer does not tell."""
        reference = await self.repository.add_order(
            intent.position_id,
            intent.role,
            intent.side,
            intent.quantity,
            symbol=intent.symbol,
            trigger_price=intent.trigger_price,
            prefix=self._prefix,
        )
        # From here on events about the order are known to be ours without asking the database.
        self.reports.setdefault(reference, OrderReport(intent.symbol, client_id=reference))
        try:
            answer: OrderReport | None = await self._send(intent, reference)
        except (OrderRefused, OrderMissing) as error:
            await self._learn(reference, OrderReport(intent.symbol, client_id=reference, status="rejected"))
            raise OrderRefused(str(error)) from error
        except OutcomeUnknown:
            answer = await self.resolve(reference, intent.symbol, conditional=intent.trigger_price is not None)
        if answer is None:
            raise OutcomeUnknown(f"{reference}: sent, and unknown to the exchange after {self.timing.queries} queries")
        report = await self._learn(reference, answer)
        if report.status == "rejected" and not report.filled_or_zero:
            raise OrderRefused(f"{reference}: rejected after it was accepted")
        return reference, report

    async def resolve(self, reference: str, symbol: str, *, conditional: bool) -> OrderReport | None:
        """Ask for an order by our id until the exchange or its stream knows it; `None` if neither does."""
        for attempt in range(self.timing.queries):
            try:
                report = await self.exchange.fetch_order(symbol, client_id=reference, conditional=conditional)
            except (OrderMissing, OrderRefused, OutcomeUnknown):
                if (known := self._heard_of(reference)) is not None:
                    return known
                await asyncio.sleep(self.timing.query_backoff_s * (attempt + 1))
            else:
                return await self._learn(reference, report)
        return self._heard_of(reference)

    def _heard_of(self, reference: str) -> OrderReport | None:
        """Return what an answer or an event has said about an order, or `None` if nothing did."""
        report = self.reports.get(reference)
        return None if report is None or report.status is None else report

    async def wait_final(self, reference: str, report: OrderReport) -> OrderReport:
        """Follow the order stream, and ask whenever it has been silent for a while."""
        report = self.reports.get(reference, report)
        for _ in range(self.timing.polls):
            if report.is_final:
                break
            if not await self._heard(reference):
                await self._refresh(reference, report.symbol)
            report = self.reports.get(reference, report)
        return report

    async def _heard(self, reference: str) -> bool:
        news = self._news.setdefault(reference, asyncio.Event())
        try:
            async with asyncio.timeout(self.timing.poll_s):
                await news.wait()
        except TimeoutError:
            return False
        finally:
            self._news.pop(reference, None)
        return True

    async def _refresh(self, reference: str, symbol: str, *, conditional: bool = False) -> OrderReport | None:
        try:
            report = await self.exchange.fetch_order(symbol, client_id=reference, conditional=conditional)
        except (OrderMissing, OrderRefused, OutcomeUnknown):
            return None  # A lagging or failing read says nothing about the order.
        return await self._learn(reference, report)

    async def on_report(self, report: OrderReport) -> str | None:
        """Merge the event into what is known of the order."""
        reference = report.client_id
        if reference is None:  # A sparse event names the order by the exchange's id alone.
            same = (ours for ours, known in self.reports.items() if known.exchange_id == report.exchange_id)
            reference = next(same, None)
        if reference is None or not reference.startswith(self._prefix):
            return None
        if reference not in self.reports:
            row = await self.repository.get_order(reference)
            if row is None:
                return None
            if row.status in FINAL_STATUSES:
                # A late event about an order that is over: its fills count, but nobody follows it any more.
                await self.repository.record_order(reference, report)
                return reference
        # That an order works is no news: the answer to its request, or the query for it, is stored anyway.
        await self._learn(reference, report, store=report.is_final or bool(report.filled_or_zero))
        return reference

    async def _learn(self, reference: str, report: OrderReport, *, store: bool = True) -> OrderReport:
        """Merge a report, wake who waits for it, and return when the database has it, if `store` asks for that."""
        known = self.reports.get(reference)
        merged = report if known is None else known.merged_with(report)
        self.reports[reference] = merged
        if (news := self._news.get(reference)) is not None:
            news.set()
        if store and merged != self._stored.get(reference):
            async with self._writing.hold(reference):
                # Read again: while we waited for the lock, a newer report may have come, and rows never go back.
                newest = self.reports.get(reference, merged)
                if newest != self._stored.get(reference):
                    await self.repository.record_order(reference, newest)
                    if reference in self.reports:
                        self._stored[reference] = newest
        return self.reports.get(reference, merged)

    async def cancel(self, row: OrderRow) -> OrderReport | None:
        """Cancel the order, and ask how it ended: a refused cancel may mean that it was executed."""
        conditional = row.role == STOP
        report = self._heard_of(row.reference)
        if report is None or not report.is_final:
            report = await self._refresh(row.reference, row.symbol, conditional=conditional) or report
        for _ in range(self.timing.queries):
            if report is not None and report.is_final:
                return report
            exchange_id = row.exchange_id if report is None else report.exchange_id
            if exchange_id is not None:
                try:
                    await self.exchange.cancel_order(row.symbol, exchange_id, conditional=conditional)
                except (OrderMissing, OrderRefused, OutcomeUnknown):
                    await asyncio.sleep(self.timing.query_backoff_s)
            report = await self._refresh(row.reference, row.symbol, conditional=conditional) or report
        return report if report is not None and report.is_final else None

    async def look_up(self, row: OrderRow) -> OrderReport | None:
        """Return the newest report, asking again unless the order is over and all its executions are booked."""
        report = self._heard_of(row.reference)
        if report is None and row.status in FINAL_STATUSES:
            report = OrderReport(row.symbol, row.exchange_id, row.reference, row.status, row.filled, row.average_price)
        if report is not None and report.is_final:
            booked = await self.repository.booked_quantity(str(row.position_id), row.reference)
            if booked >= report.filled_or_zero:
                return report
        fresh = await self._refresh(row.reference, row.symbol, conditional=row.role == STOP) or report
        if fresh is None or fresh.exchange_id is None or sum(f.quantity for f in fresh.fills) >= fresh.filled_or_zero:
            return fresh
        try:
            fills = await self.exchange.fetch_fills(row.symbol, fresh.exchange_id)
        except (OrderMissing, OrderRefused, OutcomeUnknown):
            return fresh
        return await self._learn(row.reference, replace(fresh, fills=fills))

    def forget(self, references: Iterable[str]) -> int | None:
        """Drop the reports; the database has them."""
        known = []
        for reference in references:
            known.append(self.reports.pop(reference, None))
            self._stored.pop(reference, None)
        return max((r.time_ms for r in known if r is not None and r.time_ms is not None), default=None)


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


async def book_missing_fills(desk: OrderDesk, position_id: str) -> list[str]:
    """Ask for the executions of a position's orders that nobody reported, and return the orders' references."""
    booked: dict[str, Decimal] = {}
    for fill in await desk.repository.fills_of(position_id):
        booked[fill.reference] = booked.get(fill.reference, ZERO) + fill.quantity
    orders = await desk.repository.orders_of(position_id)
    for order in orders:
        if order.filled > booked.get(order.reference, ZERO):
            await desk.look_up(order)
    return [order.reference for order in orders]
