"""An exchange in memory with ccxt's unified methods, and a bot manager on a real SQLite file to go with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from ccxt.base.errors import BaseError, InvalidOrder, OrderNotFound
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from simharness.managers.bots import BotManager, RetryPlan, create_app, create_schema, create_session_factory
from simharness.managers.bots.models import Base

BOT = {"ticker": "ETH/USDT", "quantity": "1", "buy_price": "100", "sell_price": "110"}
IMPATIENT = RetryPlan(delays_s=(0.001, 0.001), repair_delay_s=0.01, reconnect_delays_s=(0.001,))


class FakeExchange:
    """Limit orders that fill when a test says so; every change of an order is reported to `watch_orders`."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.handler_reads = 0
        self.before: dict[str, Callable[[], Awaitable[None]]] = {}
        self._updates: asyncio.Queue[dict[str, Any] | BaseError] = asyncio.Queue()
        self._faults: dict[str, list[tuple[BaseException, bool]]] = {}
        # ccxt's own hook has nothing to do here. No method: put back, it would make the exchange refer to itself.
        self.on_connected: Callable[..., object] = lambda socket, *details: None
        self._standing = False

    def fail(self, method: str, error: BaseException, *, executed: bool = False) -> None:
        """Let the next call of `method` end in `error`, after it had its effect if `executed`."""
        self._faults.setdefault(method, []).append((error, executed))

    def fill(self, order_id: str, amount: str | None = None) -> dict[str, Any]:
        """Fill an order by `amount`, or what is left of it."""
        order = self.orders[order_id]
        quantity = Decimal(amount) if amount else Decimal(order["remaining"])
        order["filled"] = str(Decimal(order["filled"]) + quantity)
        order["remaining"] = str(Decimal(order["remaining"]) - quantity)
        order["cost"] = str(Decimal(order["cost"]) + quantity * Decimal(order["price"]))
        if Decimal(order["remaining"]) == 0:
            order["status"] = "closed"
        return self._report(order)

    def cancel_by_hand(self, order_id: str) -> dict[str, Any]:
        self.orders[order_id]["status"] = "canceled"
        return self._report(self.orders[order_id])

    def connect(self) -> None:
        """Tell the hook of a new connection of the order stream."""
        self.on_connected(SimpleNamespace(url="wss://fake/orders"))

    def push(self, update: dict[str, Any] | BaseError) -> None:
        """Let `watch_orders` return this update, or raise this error."""
        self._updates.put_nowait(update)

    def forget_updates(self) -> None:
        """Lose what was not read yet, as a broken connection does."""
        while not self._updates.empty():
            self._updates.get_nowait()

    def count_reads(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        """Notice (as a listener of SQLAlchemy) that an order event's task has read an order."""
        task = asyncio.current_task()
        if task is not None and task.get_name().startswith("order event") and statement.startswith("SELECT orders"):
            self.handler_reads += 1

    @property
    def unread(self) -> int:
        return self._updates.qsize()

    @property
    def working(self) -> list[dict[str, Any]]:
        return [order for order in self.orders.values() if order["status"] == "open"]

    async def create_order(
        self, symbol: str, kind: str, side: str, amount: Any, price: Any = None, params: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        def execute() -> dict[str, Any]:
            order = {
                "id": f"o{len(self.orders) + 1}",
                "clientOrderId": (params or {}).get("clientOrderId", f"x-{len(self.orders) + 1}"),
                "symbol": symbol,
                "type": kind,
                "side": side,
                "price": price,
                "amount": amount,
                "status": "open",
                "filled": "0",
                "remaining": amount,
                "cost": "0",
            }
            if any(order["clientOrderId"] == other["clientOrderId"] for other in self.orders.values()):
                raise InvalidOrder("ClientOrderId is duplicated")
            self.orders[order["id"]] = order
            return self._report(order)

        return await self._answer("create_order", execute)

    async def cancel_order(
        self, order_id: str, symbol: str | None = None, params: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        def execute() -> dict[str, Any]:
            if self.orders[order_id]["status"] != "open":
                raise OrderNotFound("Unknown order sent.")
            return self.cancel_by_hand(order_id)

        return await self._answer("cancel_order", execute)

    async def fetch_order(
        self, order_id: str, symbol: str | None = None, params: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        def execute() -> dict[str, Any]:
            client_id = (params or {}).get("clientOrderId")
            for order in self.orders.values():
                if (order["clientOrderId"] == client_id) if client_id else (order["id"] == order_id):
                    return dict(order)
            raise OrderNotFound("Order does not exist.")

        return await self._answer("fetch_order", execute)

    async def fetch_open_orders(self, symbol: str | None = None) -> list[dict[str, Any]]:
        return await self._answer("fetch_open_orders", lambda: [dict(order) for order in self.working])

    async def watch_orders(self, symbol: str | None = None) -> list[dict[str, Any]]:
        if not self._standing:
            self._standing = True
            self.connect()
        update = await self._updates.get()
        if isinstance(update, BaseError):
            self._standing = False
            raise update
        return [update]

    async def _answer(self, method: str, execute: Callable[[], Any]) -> Any:
        self.calls.append(method)
        if method in self.before:
            await self.before.pop(method)()
        await asyncio.sleep(0)
        error, executed = self._faults[method].pop(0) if self._faults.get(method) else (None, True)
        answer = execute() if executed else None
        await asyncio.sleep(0)
        if error is not None:
            raise error
        return answer

    def _report(self, order: dict[str, Any]) -> dict[str, Any]:
        self._updates.put_nowait(dict(order))
        return dict(order)


class Bench:
    """A running application, its client, its exchange and its database."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        exchange: FakeExchange,
        manager: BotManager,
        session_factory: async_sessionmaker[AsyncSession],
    ) -> None:
        self.client = client
        self.exchange = exchange
        self.manager = manager
        self.session_factory = session_factory

    async def call(self, method: str, path: str = "", status: int = 200, **body: Any) -> Any:
        """Call the REST interface and return the decoded answer."""
        answer = await self.client.request(method, f"/api/v1/bots{path}", json=body or None)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def create(self, **changes: Any) -> Any:
        """Create the usual bot and let its first events be handled."""
        bot = await self.call("POST", status=201, **{**BOT, **changes})
        await self.settle()
        return bot

    async def rows(self, model: type[Base]) -> list[Any]:
        """Return all committed rows of a table, oldest first."""
        async with self.session_factory() as session:
            return list(await session.scalars(select(model).order_by(model.id)))  # type: ignore[attr-defined]  # every table has one

    async def settle(self) -> None:
        """Wait until the events that were sent are handled and nothing waits for a repair."""
        await until(
            lambda: (
                not self.manager.background
                and self.exchange.unread == 0
                and not (self.manager.turns and self.manager.turns.repairs)
            )
        )


@asynccontextmanager
async def running(
    database: Path, exchange: FakeExchange, cancel_policy: str = "write-ahead", *, watch: bool = True
) -> AsyncIterator[Bench]:
    """Run the application on a SQLite file until the block ends."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{database}")
    await create_schema(engine)
    event.listen(engine.sync_engine, "after_cursor_execute", exchange.count_reads)
    factory = create_session_factory(engine)
    app = create_app(factory, exchange, cancel_policy=cancel_policy, retry=IMPATIENT, watch=watch)
    transport = httpx.ASGITransport(app=app)
    try:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://bots") as client,
        ):
            yield Bench(client, exchange, app.state.manager, factory)
    finally:
        await engine.dispose()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that must come true; `run` limits the patience."""
    while True:
        await asyncio.sleep(0.002)
        if condition():
            return


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run an async test on the stock loop, with a limit so that a lost wake-up fails instead of hanging."""

    async def limited() -> None:
        await asyncio.wait_for(scenario(), timeout=20)

    asyncio.run(limited())
