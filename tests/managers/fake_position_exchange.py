# ruff: noqa: A002 — the names and the signatures are those of ccxt
"""An exchange in memory with hooks at its moments, and a manager on a SQLite file next to it."""

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

from ccxt.base.errors import InvalidOrder, OrderNotFound
from sqlalchemy.ext.asyncio import create_async_engine

from simharness.managers.positions import (
    OpenRequest,
    Timing,
    build_position_manager,
    create_schema,
    create_session_factory,
)

SYMBOL = "ETH/USDT:USDT"
PRICE = Decimal(100)
FAST = Timing(poll_s=0.001, polls=5, query_backoff_s=0.001, queries=3, lost_after_ms=0)


def request(**changes):
    """Return a wish for one long contract with a stop at 98."""
    wish = {"symbol": SYMBOL, "side": "long", "quantity": Decimal(1), "stop_price": Decimal(98)}
    return OpenRequest(**{**wish, **changes})


class FakeExchange:
    """Executes market orders at once and at one price, and keeps stops until they are triggered.

    `before[moment]` and `after[moment]` hold hooks for the next calls, each an exception to raise or a
    coroutine function to await; moments are entry, stop, close and the names of the other methods.
    Events are queued for the streams, and also given to `listener`, if there is one.
    """

    def __init__(self):
        self.id = "fake"
        self.before = defaultdict(list)
        self.after = defaultdict(list)
        self.orders = {}
        self.size = Decimal(0)
        self.sequence = 0
        self.now_ms = 1_000
        self.trades = 0
        self.hides_positions = False
        self.lists_trades = True
        self.entry_fills = []
        self.position_events = asyncio.Queue()
        self.order_events = asyncio.Queue()
        self.sent = []

    async def _moment(self, hooks, name):
        if hooks[name]:
            hook = hooks[name].pop(0)
            if isinstance(hook, Exception):
                raise hook
            await hook()

    def report(self, mark=PRICE, **changes):
        """Return the next position report of the stream."""
        self.sequence += 1
        self.now_ms += 1
        report = {
            "symbol": SYMBOL,
            "side": "long" if self.size >= 0 else "short",
            "contracts": float(abs(self.size)),
            "entryPrice": float(PRICE) if self.size else None,
            "markPrice": float(mark),
            "unrealizedPnl": float((mark - PRICE) * self.size),
            "timestamp": self.now_ms,
            "info": {"sequence": self.sequence},
        }
        return {**report, **changes}

    def _fill(self, order, quantity, price=PRICE):
        self.trades += 1
        self.now_ms += 1
        order["filled"] += quantity
        order["average"] = price
        order["lastTradeTimestamp"] = self.now_ms
        trade = {"id": str(self.trades), "amount": quantity, "price": price, "fee": {"cost": Decimal("0.1")}}
        order["trades"].append(trade)
        self.size += quantity if order["side"] == "buy" else -quantity
        if order["filled"] == order["amount"]:
            order["status"] = "closed"
        self.order_events.put_nowait(self._copy(order))
        self.position_events.put_nowait(self.report())

    def _copy(self, order):
        return {**order, "trades": [dict(trade) for trade in order["trades"]] if self.lists_trades else None}

    def on_connected(self, client, message=None):
        """Do nothing: ccxt's hook for users."""

    def connect(self, url):
        """Let a WebSocket have connected."""
        self.on_connected(SimpleNamespace(url=url))

    async def fetch_my_trades(self, symbol, since=None, limit=None, params=None):
        await self._moment(self.before, "fetch_my_trades")
        order = self.orders[params["orderId"]]
        return [{**trade, "order": order["id"]} for trade in order["trades"]]

    async def create_order(self, symbol, type, side, amount, price=None, params=None):
        params = params or {}
        reduces = bool(params.get("reduceOnly"))
        moment = "stop" if "triggerPrice" in params else "close" if reduces else "entry"
        self.sent.append((moment, side, amount, dict(params)))
        await self._moment(self.before, moment)
        room = -self.size if side == "buy" else self.size
        if reduces and room <= 0:
            raise InvalidOrder("ReduceOnly Order is rejected.")
        number = str(len(self.orders) + 1)
        order = {
            "id": number,
            "clientOrderId": params.get("clientOrderId"),
            "symbol": symbol,
            "side": side,
            "status": "open",
            "amount": min(amount, room) if reduces and moment == "close" else amount,
            "filled": Decimal(0),
            "average": None,
            "trades": [],
            "timestamp": self.now_ms,
            "triggerPrice": Decimal(params["triggerPrice"]) if moment == "stop" else None,
        }
        self.orders[number] = order
        if moment == "close":
            self._fill(order, order["amount"])
        elif moment == "entry":
            for part in self.entry_fills or [amount]:
                self._fill(order, part)
        await self._moment(self.after, moment)
        return self._copy(order)

    def trigger(self, number=None):
        """Let the stop with this id, or the newest one, fire."""
        stops = [o for o in self.orders.values() if o["triggerPrice"] is not None and o["status"] == "open"]
        order = stops[-1] if number is None else self.orders[number]
        self._fill(order, order["amount"], order["triggerPrice"])
        return self._copy(order)

    def working(self):
        """Return the ids of the orders that work."""
        return [order["id"] for order in self.orders.values() if order["status"] == "open"]

    async def cancel_order(self, id, symbol=None, params=None):
        await self._moment(self.before, "cancel_order")
        if id not in self.orders or self.orders[id]["status"] != "open":
            raise OrderNotFound("Unknown order sent.")
        self.orders[id]["status"] = "canceled"
        self.order_events.put_nowait(self._copy(self.orders[id]))

    async def fetch_order(self, id, symbol=None, params=None):
        await self._moment(self.before, "fetch_order")
        wanted = (params or {}).get("clientOrderId")
        for order in self.orders.values():
            if (order["id"] == id) if wanted is None else (order["clientOrderId"] == wanted):
                return self._copy(order)
        raise OrderNotFound("Order does not exist.")

    async def fetch_open_orders(self, symbol=None, since=None, limit=None, params=None):
        return [self._copy(self.orders[number]) for number in self.working()]

    async def fetch_positions(self, symbols=None, params=None):
        await self._moment(self.before, "fetch_positions")
        if self.hides_positions or not self.size:
            return []
        return [self.report()]

    async def set_leverage(self, leverage, symbol=None, params=None):
        await self._moment(self.before, "set_leverage")

    async def fetch_ticker(self, symbol, params=None):
        return {"symbol": symbol, "last": float(PRICE), "markPrice": None}

    async def watch_orders(self, symbol=None, since=None, limit=None, params=None):
        return [await self.order_events.get()]

    async def watch_positions(self, symbols=None, since=None, limit=None, params=None):
        return [await self.position_events.get()]


@asynccontextmanager
async def trading(path: Path, policy="versioned-intent", fake=None, **options):
    """Yield a manager with `policy` on the database file `path`, and its exchange."""
    fake = fake or FakeExchange()
    engine = create_async_engine(f"sqlite+aiosqlite:///{path / 'positions.db'}")
    try:
        await create_schema(engine)
        options = {"timing": FAST, "now_ms": lambda: fake.now_ms, **options}
        manager = build_position_manager(create_session_factory(engine), fake, policy, **options)
        manager.stops._backoff_s = 0.001
        yield manager, fake
    finally:
        await manager.drain()
        await engine.dispose()


def run(scenario, tmp_path, **options):
    """Run `scenario(manager, fake)`."""

    async def main():
        async with trading(tmp_path, **options) as (manager, fake):
            await scenario(manager, fake)

    asyncio.run(main())


def leftovers(manager):
    """Return everything that a closed or failed position must not leave in memory."""
    policy = manager.policy
    return [
        *manager.positions,
        *manager.position_locks,
        *manager.pending_updates,
        *getattr(policy, "intents", ()),
        *getattr(policy, "told", ()),
        *getattr(manager.desk, "mail", ()),
        *getattr(policy._writers, "_locks", ()),
        *manager.desk.reports,
    ]
