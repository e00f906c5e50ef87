"""One rule, a real venue, and a program that the test plays: it commits rows, answers clients, and rests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from simharness.invariants.snapshot import (
    BookedExecution,
    LocalOrder,
    LocalPosition,
    LocalState,
    Memory,
    Owner,
    OwnerState,
    Snapshot,
)
from simharness.invariants.view import Answer, View
from simharness.loop.loop import SimLoop
from simharness.venue import Market, Order, OrderRequest, OrderType, Side, Topic, Venue
from simharness.venue.event import ExecutionReport, PositionUpdate, VenueEvent
from simharness.world.watch import Watch, observed

SPOT, PERP = "ETH/USDT", "ETH/USDT:USDT"


class Judge:
    """Asks the rules as the world does."""

    def __init__(self, ids: tuple[str, ...], keeps: frozenset[str]) -> None:
        self._loop = SimLoop()
        prices = {SPOT: Decimal(100), PERP: Decimal(100)}
        self.venue = Venue(self._loop, [Market(SPOT), Market(PERP)], prices=prices)
        self.venue.observe(self._heard)
        self.connect()
        self._reports: list[ExecutionReport] = []
        self._lasted_s = 0
        self.snapshot = Snapshot(owners={"bots#1": bot()}, keeps=keeps)
        self.observed: list[str] = []
        self.view = View(self.venue, self._observe)
        self.watch = Watch(ids, self.view, lambda: self.snapshot)

    def commit(self, **kinds: Mapping[str, Any]) -> None:
        """Commit rows of some kinds."""
        self.snapshot = replace(self.snapshot, **kinds)
        self.watch.committed()

    def remember(self, **kinds: Any) -> None:
        """Set what the program holds in memory."""
        self.view.memory = Memory(**kinds)

    def place(self, side: str = "buy", quantity: int = 1, symbol: str = SPOT, **options: Any) -> Order:
        """Place a limit order on spot, or a market order on the perpetual."""
        price = None if symbol == PERP else Decimal(90 if side == "buy" else 110)
        kind = OrderType.LIMIT if price else options.pop("type", OrderType.MARKET)
        request = OrderRequest(symbol, Side(side), kind, Decimal(quantity), price, **options)
        return self.act(lambda: self.venue.engine.submit(request))

    def stop(self, quantity: int) -> Order:
        """Place a stop-loss for a long position."""
        trigger = Decimal(95)
        return self.place("sell", quantity, PERP, type=OrderType.STOP_MARKET, trigger_price=trigger, reduce_only=True)

    def fill(self, order: Order, quantity: int = 1) -> None:
        """Execute an order."""
        self.act(lambda: self.venue.engine.fill(order.id, Decimal(quantity)))

    def cancel(self, order: Order, reason: str = "") -> None:
        """Cancel an order; with a reason it is somebody else who does."""
        self.act(lambda: self.venue.engine.cancel(order.id, reason=reason))

    def act(self, action: Callable[[], Any]) -> Any:
        """Let the venue do something, and judge what it reported."""
        self.view.step += 1
        result = action()
        reports, self._reports = self._reports, []
        for report in reports:
            self.watch.reported(report)
        return result

    def connect(self) -> None:
        """Listen to positions."""
        self._stream = self.venue.streams.connect("test", Topic.POSITIONS, lambda _: None, lambda: None)

    def break_stream(self) -> None:
        """Let that connection break."""
        self.venue.streams.cut(self._stream)

    def pass_time(self, seconds: int) -> None:
        """Let a timer fire while nothing is under way."""
        self.view.step += 1
        self._lasted_s += seconds
        self.watch.time_passes(seconds * 10**9, self._lasted_s * 10**9)

    def answer(self, command: str, *, ok: bool = True, failure: str | None = None, **says: str) -> None:
        """Answer a client."""
        self.view.commands.append(command)
        unexpected = failure is not None
        self.watch.answered(Answer(command, "bots#1", ok=ok, says=says, failure=failure, unexpected=unexpected))

    def rest(self) -> list[str]:
        """Come to rest and return what was found, over all."""
        self.watch.at_rest()
        return self.found

    @property
    def found(self) -> list[str]:
        return [f"{finding.invariant}: {finding.message}" for finding in self.watch.findings]

    def close(self) -> None:
        self._loop.close()

    def _heard(self, topic: Topic, event: VenueEvent) -> None:
        if isinstance(event, ExecutionReport):
            self._reports.append(event)
        if isinstance(event, PositionUpdate):
            self.view.updates.append(event)

    def _observe(self, key: str) -> Any:
        self.observed.append(key)
        return observed(self.view.snapshot, key)


def bot(state: OwnerState = OwnerState.ACTIVE, **fields: str) -> Owner:
    """Return a bot's row."""
    return Owner("bots#1", SPOT, state, fields)


def row(
    order: Order | None = None,
    state: LocalState = LocalState.WORKING,
    filled: int = 0,
    quantity: int = 1,
    key: str = "orders#1",
    **options: Any,
) -> dict[str, LocalOrder]:
    """Return one order row by its key."""
    defaults: dict[str, Any] = {
        "owner": "bots#1",
        "symbol": SPOT if order is None else order.symbol,
        "exchange_id": None if order is None else order.id,
        "client_id": None if order is None else order.request.client_id,
        "side": "buy" if order is None else order.request.side.value,
    }
    amounts = {"quantity": Decimal(quantity), "filled": Decimal(filled)}
    return {key: LocalOrder(key=key, state=state, **amounts, **(defaults | options))}


def fills(*orders: tuple[str, str, int]) -> dict[str, BookedExecution]:
    """Return booked executions for ``(order row, execution, quantity)``, at 100 each."""
    booked = [
        BookedExecution(f"trades#{number}", order, execution, Decimal(quantity), Decimal(100))
        for number, (order, execution, quantity) in enumerate(orders, 1)
    ]
    return {each.key: each for each in booked}


def position(
    quantity: int | None, status: str = "open", key: str = "positions#1", **options: Any
) -> dict[str, LocalPosition]:
    """Return one position row by its key."""
    values = {"entry_price": Decimal(100), "mark_price": Decimal(100)} | options
    return {key: LocalPosition(key=key, symbol=PERP, quantity=Decimal(quantity or 0), status=status, **values)}


def held(quantity: int, **options: Any) -> dict[str, LocalPosition]:
    """Return one tracked position by its symbol."""
    return {PERP: replace(next(iter(position(quantity, **options).values())), key=PERP)}
