"""Write first, send afterwards: the order desk that ships.

What is learned of an order, from answers and events in any order, is merged in memory. Events wait in the mail
until `read`: whoever has the turn of the symbol reads when it matters to him, and is not disturbed in between. What
is new goes to the database with `save`, many orders in one transaction, and only he calls that: an event never waits
for the database, and two transactions never compete for the rows of one symbol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial

from simharness.managers.positions.errors import OrderMissing, OrderRefused, OutcomeUnknown
from simharness.managers.positions.exchange import FINAL_STATUSES, ExchangeManager, OrderReport
from simharness.managers.positions.models import OrderRow
from simharness.managers.positions.orders import STOP, OrderDesk, OrderIntent, Timing
from simharness.managers.positions.repository import PositionRepository
from simharness.managers.positions.state import PositionState

REMEMBERED = 1000
"""So many orders that are over are kept in mind."""


class WriteAheadDesk(OrderDesk):
    """Commit an order under an id of our own before it is sent; `prefix` keeps bots on one account apart."""

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
        self._roles: dict[str, str] = {}
        # Events that say no more than that an order works. The answer to its request says so too, so they count only
        # when that is lost; kept apart, they change nothing for whoever has the answer.
        self._acknowledged: dict[str, OrderReport] = {}
        # The last reports on orders that are over: most late and repeated events say nothing that is not in here.
        self._past: dict[str, OrderReport] = {}
        # By symbol, the events that nobody has read yet, and those whose orders only the database may know.
        self.mail: dict[str, list[OrderReport]] = {}
        self._strangers: dict[str, list[OrderReport]] = {}
        # Symbols of which an event told that a stop was executed.
        self.fired: set[str] = set()
        # By symbol, the orders of which more is known than the database has. Sets: what joins them joins in any order.
        self._unsaved: dict[str, set[str]] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._lost_track: set[str] = set()

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
        self._roles[reference] = intent.role
        self._unsaved.setdefault(intent.symbol, set())
        self.reports.setdefault(reference, OrderReport(intent.symbol, client_id=reference))
        try:
            answer: OrderReport | None = await self._send(intent, reference)
        except (OrderRefused, OrderMissing) as error:
            self._learn(reference, OrderReport(intent.symbol, client_id=reference, status="rejected"))
            raise OrderRefused(str(error)) from error
        except OutcomeUnknown:
            answer = await self.resolve(reference, intent.symbol, conditional=intent.trigger_price is not None)
        if answer is None:
            self._lost_track.add(intent.symbol)
            raise OutcomeUnknown(f"{reference}: sent, and unknown to the exchange after {self.timing.queries} queries")
        report = self._learn(reference, answer)
        if report.status == "rejected" and not report.filled_or_zero:
            raise OrderRefused(f"{reference}: rejected after it was accepted")
        return reference, report

    async def resolve(self, reference: str, symbol: str, *, conditional: bool) -> OrderReport | None:
        """Ask for an order by our id until the exchange or its stream knows it; `None` if neither does."""
        for attempt in range(self.timing.queries):
            try:
                report = await self.exchange.fetch_order(symbol, client_id=reference, conditional=conditional)
            except (OrderMissing, OrderRefused, OutcomeUnknown):
                self.read(symbol)
                if (known := self._heard_of(reference)) is not None:
                    return known
                await asyncio.sleep(self.timing.query_backoff_s * (attempt + 1))
            else:
                return self._learn(reference, report)
        return self._heard_of(reference)

    def _heard_of(self, reference: str) -> OrderReport | None:
        """Return what an answer or an event has said about an order, or `None` if nothing did."""
        report = self.reports.get(reference)
        if report is not None and report.status is not None:
            return report
        acknowledged = self._acknowledged.get(reference)
        return acknowledged if report is None or acknowledged is None else self._learn(reference, acknowledged)

    async def wait_final(self, reference: str, report: OrderReport) -> OrderReport:
        """Follow the order stream, and ask whenever it has been silent for a while."""
        symbol, silences = report.symbol, 0
        report = self.reports.get(reference, report)
        while not report.is_final and silences < self.timing.polls:
            if not await self._heard(symbol):
                silences += 1
                await self._refresh(reference, symbol)
            self.read(symbol)
            report = self.reports.get(reference, report)
        return report

    async def _heard(self, symbol: str) -> bool:
        """Wait for mail on a symbol, which may be there already, and tell whether there is some."""
        if symbol in self.mail:
            return True
        news = self._news.setdefault(symbol, asyncio.Event())
        try:
            async with asyncio.timeout(self.timing.poll_s):
                await news.wait()
        except TimeoutError:
            return False
        finally:
            self._news.pop(symbol, None)
        return True

    async def _refresh(self, reference: str, symbol: str, *, conditional: bool = False) -> OrderReport | None:
        try:
            report = await self.exchange.fetch_order(symbol, client_id=reference, conditional=conditional)
        except (OrderMissing, OrderRefused, OutcomeUnknown):
            return None  # A lagging or failing read says nothing about the order.
        return self._learn(reference, report)

    def post(self, report: OrderReport) -> str | None:
        """Keep an event about an order of ours until it is read, and return its symbol; others are dropped."""
        reference = self._reference_of(report)
        if reference is None or not reference.startswith(self._prefix):
            return None
        if report.only_works and reference in self._roles:
            self._acknowledged[reference] = report
            return None
        if not (report.client_id and report.symbol) and (known := self.reports.get(reference)) is not None:
            report = replace(report, client_id=reference, symbol=known.symbol)
        self.mail.setdefault(report.symbol, []).append(report)
        if (news := self._news.get(report.symbol)) is not None:
            news.set()
        return report.symbol

    def read(self, symbol: str) -> None:
        """Merge the mail on a symbol; what may be about orders that nobody follows is left to `read_strangers`."""
        for report in self.mail.pop(symbol, ()):
            reference = str(report.client_id)
            past = self._past.get(reference)
            if reference in self.reports:
                self._learn(reference, report)
            elif past is None or past.merged_with(report).lasting != past.lasting:
                self._strangers.setdefault(symbol, []).append(report)
                continue
            self._note_stop(report, self._roles.get(reference))

    def _note_stop(self, report: OrderReport, role: str | None) -> None:
        if role == STOP and report.is_final and report.filled_or_zero:
            self.fired.add(report.symbol)

    async def read_strangers(self, symbol: str) -> None:
        """Take in the mail about orders that only the database knows, if it does."""
        while strangers := self._strangers.get(symbol):
            await self.on_report(strangers[0])
            del strangers[0]
        self._strangers.pop(symbol, None)

    async def on_report(self, report: OrderReport) -> str | None:
        """Take in an event, also about an order that only the database knows."""
        reference = self._reference_of(report)
        if reference is None or not reference.startswith(self._prefix):
            return None
        row = None if reference in self.reports else await self.repository.get_order(reference)
        self._note_stop(report, self._roles.get(reference) if row is None else row.role)
        if row is not None:
            report = replace(report, symbol=row.symbol)
            if row.status in FINAL_STATUSES:
                # A late event about an order that is over: its fills count, but nobody follows it any more.
                await self.repository.record({reference: report})
                return reference
            self._roles[reference] = row.role
        elif reference not in self.reports:
            return None
        self._learn(reference, report)
        return reference

    def _reference_of(self, report: OrderReport) -> str | None:
        if report.client_id is not None:
            return report.client_id
        # A sparse event names the order by the exchange's id alone.
        return next((ours for ours, known in self.reports.items() if known.exchange_id == report.exchange_id), None)

    def _learn(self, reference: str, report: OrderReport) -> OrderReport:
        """Merge a report into what is known of its order."""
        known = self.reports.get(reference)
        merged = report if known is None else known.merged_with(report)
        if merged != known:
            self.reports[reference] = merged
        if known is None or merged.lasting != known.lasting:
            self._owe(merged.symbol, reference)
        return merged

    def _owe(self, symbol: str, reference: str) -> None:
        if symbol not in self._unsaved:
            self._unsaved[symbol] = set()
        self._unsaved[symbol].add(reference)

    def lost_track(self, symbol: str) -> bool:
        """Tell, once, whether the queries about an order of the symbol ended without an answer."""
        lost = symbol in self._lost_track
        self._lost_track.discard(symbol)
        return lost

    def has_news(self, symbol: str) -> bool:
        """Tell whether `save` or `read_strangers` has something to do."""
        return bool(self._unsaved.get(symbol)) or symbol in self._strangers

    async def save(self, symbol: str, state: PositionState | None = None, *, activate: bool = False) -> None:
        """Store all that was learned, and go on while more is learned meanwhile."""
        while self._unsaved.get(symbol) or state is not None:
            owed = sorted(self._unsaved.get(symbol, ()))
            if owed:
                self._unsaved[symbol].clear()
            reports = {reference: self.reports[reference] for reference in owed if reference in self.reports}
            try:
                await self.repository.record(reports, state, activate=activate)
            except BaseException:
                for reference in owed:
                    self._owe(symbol, reference)
                raise
            state = None

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
        """Return the newest report, asking again unless the order is over and all its executions are known."""
        report = self._heard_of(row.reference)
        if report is None and row.status in FINAL_STATUSES:
            report = OrderReport(row.symbol, row.exchange_id, row.reference, row.status, row.filled, row.average_price)
        if report is not None and report.is_final and await self._knows_all_fills(row, report):
            return report
        ask = partial(self.exchange.fetch_order, row.symbol, client_id=row.reference, conditional=row.role == STOP)
        # If that fails, what is known has to do.
        with suppress(OrderMissing, OrderRefused, OutcomeUnknown):
            report = self._learn(row.reference, await self.insist(ask))
        if report is None or report.exchange_id is None or report.reported >= report.filled_or_zero:
            return report
        try:
            fills = await self.insist(partial(self.exchange.fetch_fills, row.symbol, report.exchange_id))
        except (OrderMissing, OrderRefused, OutcomeUnknown):
            return report
        return self._learn(row.reference, replace(report, fills=fills))

    async def _knows_all_fills(self, row: OrderRow, report: OrderReport) -> bool:
        known: Decimal = report.reported
        if known < report.filled_or_zero:
            known = await self.repository.booked_quantity(str(row.position_id), row.reference)
        return known >= report.filled_or_zero

    def knows_fills(self, row: OrderRow) -> bool:
        """Tell whether the executions that make up the filled quantity were all reported."""
        report = self.reports.get(row.reference)
        return report is not None and report.reported >= row.filled

    async def forget(self, symbol: str, references: Iterable[str]) -> int | None:
        """Save what is unsaved, and drop the reports."""
        await self.save(symbol)
        known = []
        for reference in references:
            if (report := self.reports.pop(reference, None)) is not None:
                known.append(report)
                self._past[reference] = report
        for reference in list(self._past)[:-REMEMBERED]:
            del self._past[reference]
            self._roles.pop(reference, None)
            self._acknowledged.pop(reference, None)
        return max((report.time_ms for report in known if report.time_ms is not None), default=None)
