"""The bot manager as a system under test: its FastAPI application, its database, its exchange."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from simharness.core.lane import current_lane
from simharness.database.pool import renewed, warm_up
from simharness.errors import ScenarioError
from simharness.invariants.snapshot import BookedExecution, LocalOrder, LocalState, Memory, Owner, OwnerState, Snapshot
from simharness.loop.loop import SimLoop
from simharness.managers.bots import create_app, create_session_factory
from simharness.managers.bots.cancel_policies import CANCEL_POLICIES
from simharness.managers.bots.ids import client_order_id
from simharness.managers.bots.models import Base, Bot, BotStatus, Order, OrderStatus, Side
from simharness.venue import Order as VenueOrder
from simharness.venue import OrderRequest, OrderType, Venue, place_order
from simharness.venue import Side as VenueSide
from simharness.world.setting import Command, Given, Setting
from simharness.world.system import Read
from simharness.world.venue_actions import open_venue

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from simharness.world.world import World

_BOT_KEYS = frozenset({"ticker", "first_order", "quantity", "buy_price", "sell_price", "status"})

_STATES = {
    OrderStatus.PENDING: LocalState.WORKING,
    OrderStatus.PARTIALLY_FILLED: LocalState.PARTIALLY_FILLED,
    OrderStatus.FILLED: LocalState.FILLED,
    OrderStatus.CANCELLED: LocalState.CANCELED,
    OrderStatus.FAILED: LocalState.REJECTED,
}
_OWNER_STATES = {
    BotStatus.ACTIVE: OwnerState.ACTIVE,
    BotStatus.STOPPED: OwnerState.STOPPED,
    BotStatus.ERROR: OwnerState.ERROR,
}


def bot_service(*, cancel_policy: str = "write-ahead", **unknown: str) -> BotSystem:
    """Return the bot manager with one of its cancel policies.

    Raises:
        ScenarioError: an option is not known.
    """
    if unknown:
        raise ScenarioError(f"bot_service has no option {', '.join(sorted(unknown))}; it has cancel_policy")
    if cancel_policy not in CANCEL_POLICIES:
        raise ScenarioError(f"unknown cancel_policy {cancel_policy!r}; known are {', '.join(CANCEL_POLICIES)}")
    return BotSystem(cancel_policy)


class BotSystem:
    """See ``world.system.System``."""

    watched = ("simharness.managers.bots",)

    def __init__(self, cancel_policy: str) -> None:
        self.cancel_policy = cancel_policy
        self._engine: AsyncEngine | None = None

    def engine(self, url: str) -> AsyncEngine:
        """Return the engine of all executions, with an empty pool."""
        self._engine = renewed(create_async_engine(url) if self._engine is None else self._engine)
        return self._engine

    def create(self, connection: Connection, setting: Setting) -> None:
        """Create the tables; one bot row for each given bot, with its first order at the venue if it is active."""
        Base.metadata.create_all(connection)
        for number, given in enumerate(_bots(setting.given), 1):
            connection.execute(insert(Bot).values(id=number, **_bot_values(given)))
        loop = SimLoop()
        for number, placed in _place_first_orders(open_venue(loop, setting), setting):
            connection.execute(insert(Order).values(_order_row(number, placed)))
        loop.close()

    def build(self, world: World) -> RunningBots:
        """Put the first orders into the book, unless the program only starts again; then build the application."""
        if not world.view.crashed:
            _place_first_orders(world.venue, world.setting)
        assert world.database is not None
        return RunningBots(world, self.engine(world.database.url), self.cancel_policy)

    def snapshot(self, read: Read) -> Snapshot:
        """Translate the three tables."""
        bots = {f"bots#{row['id']}": _owner(row) for row in read("SELECT * FROM bots ORDER BY id")}
        orders = {f"orders#{row['id']}": _order(row, bots) for row in read("SELECT * FROM orders ORDER BY id")}
        trades = {f"trades#{row['id']}": _trade(row) for row in read("SELECT * FROM trades ORDER BY id")}
        return Snapshot(orders, bots, trades, keeps=frozenset({"orders", "executions"}))

    def subject_of(self, command: Command, variables: Mapping[str, str]) -> str | None:
        """Return the bot whose path the command names."""
        del variables
        path = str(command.target).partition(" ")[2]
        parts = path.removeprefix("/api/v1/bots").strip("/").split("/")
        return "bots#1" if parts[0] in ("{bot}", "1") else f"bots#{parts[0]}" if parts[0].isdigit() else None

    def variables(self, given: tuple[Given, ...]) -> Mapping[str, str]:
        """``{bot}`` is the first bot, ``{bot2}`` the second, and so on."""
        count = len(_bots(given))
        return {"bot": "1"} | {f"bot{number}": str(number) for number in range(2, count + 1)}


class RunningBots:
    """The application inside one execution."""

    def __init__(self, world: World, engine: AsyncEngine, cancel_policy: str) -> None:
        self._engine = engine
        # A program that starts again has the exploration watching: what opens at once, on demand, need not open before.
        self._connections = 1 if world.view.crashed and engine.dialect.driver == "aiosqlite" else 5
        exchange = world.open_exchange()
        self.app: Any = create_app(create_session_factory(self._engine), exchange, cancel_policy=cancel_policy)
        self._lifespan: Any = None

    async def start(self) -> None:
        """Enter the lifespan, which ASGITransport does not; what the stream sets off is the handlers' lane."""
        await warm_up(self._engine, self._connections)
        current_lane.set("handler")
        self._lifespan = self.app.router.lifespan_context(self.app)
        await self._lifespan.__aenter__()

    def perform(self, command: Command) -> Coroutine[Any, Any, Any]:
        """Refuse: a bot manager is commanded over REST.

        Raises:
            ScenarioError: always.
        """
        raise ScenarioError(f"{command.where} the bot manager has no action {command.kind!r}; use rest or venue")

    def memory(self) -> Memory:
        """Return nothing: the bot manager keeps its state in the database."""
        return Memory()

    def crash(self) -> None:
        """Nothing to forget beyond the application itself."""


def _bots(given: tuple[Given, ...]) -> list[Given]:
    for each in given:
        if each.kind != "bot":
            raise ScenarioError(f"{each.where} the bot manager knows no given {each.kind!r}; write bot")
    return list(given)


def _bot_values(given: Given) -> dict[str, Any]:
    unknown = sorted(set(given.values) - _BOT_KEYS)
    if unknown:
        raise ScenarioError(f"{given.where} a bot has no {unknown[0]!r}; it has {', '.join(sorted(_BOT_KEYS))}")
    try:
        return {
            "ticker": given.values["ticker"],
            "side": Side(given.values.get("first_order", "buy")),
            "quantity": Decimal(str(given.values["quantity"])),
            "buy_price": Decimal(str(given.values["buy_price"])),
            "sell_price": Decimal(str(given.values["sell_price"])),
            "status": BotStatus(given.values.get("status", "ACTIVE")),
            "version": 1,
            "deleted": False,
        }
    except KeyError as error:
        raise ScenarioError(f"{given.where} a bot needs {error.args[0]!r}") from None
    except (ValueError, ArithmeticError) as error:
        raise ScenarioError(f"{given.where} {error}") from None


def _place_first_orders(venue: Venue, setting: Setting) -> list[tuple[int, VenueOrder]]:
    """Put the first order of every active bot into the book; return it with the number of the bot."""
    placed = []
    for number, given in enumerate(_bots(setting.given), 1):
        values = _bot_values(given)
        if values["status"] is not BotStatus.ACTIVE:
            continue
        side = values["side"]
        request = OrderRequest(
            values["ticker"],
            VenueSide(side.value),
            OrderType.LIMIT,
            values["quantity"],
            values["buy_price"] if side is Side.BUY else values["sell_price"],
            client_id=client_order_id(number, None),
        )
        order = place_order(venue, request)
        if order is None:
            raise ScenarioError(f"{given.where} the venue refuses the first order of this bot")
        placed.append((number, order))
    return placed


def _order_row(number: int, placed: VenueOrder) -> dict[str, Any]:
    request = placed.request
    return {
        "id": number,
        "bot_id": number,
        "exchange_order_id": placed.id,
        "client_order_id": request.client_id,
        "side": Side(request.side.value),
        "price": request.price,
        "quantity": request.quantity,
        "filled_quantity": Decimal(0),
        "status": OrderStatus.PENDING,
        "cancellation_reason": None,
    }


def _owner(row: Mapping[str, Any]) -> Owner:
    status = BotStatus(row["status"])
    fields = {
        "status": status.value,
        "buy_price": str(row["buy_price"]),
        "sell_price": str(row["sell_price"]),
        "version": str(row["version"]),
    }
    state = OwnerState.DELETED if row["deleted"] else _OWNER_STATES[status]
    return Owner(f"bots#{row['id']}", row["ticker"], state, fields)


def _order(row: Mapping[str, Any], bots: Mapping[str, Owner]) -> LocalOrder:
    owner = f"bots#{row['bot_id']}"
    status = OrderStatus(row["status"])
    working = status is OrderStatus.PENDING and row["exchange_order_id"] is None
    return LocalOrder(
        key=f"orders#{row['id']}",
        owner=owner,
        symbol=bots[owner].symbol,
        exchange_id=row["exchange_order_id"],
        client_id=row["client_order_id"],
        state=LocalState.INTENT if working else _STATES[status],
        quantity=Decimal(str(row["quantity"])),
        filled=Decimal(str(row["filled_quantity"])),
        reason=row["cancellation_reason"],
    )


def _trade(row: Mapping[str, Any]) -> BookedExecution:
    quantity = Decimal(str(row["quantity"]))
    return BookedExecution(
        key=f"trades#{row['id']}",
        order=f"orders#{row['order_id']}",
        # A trade is a stretch of the order's quantity; where it begins is its identity.
        execution=f"from {Decimal(str(row['filled_before'])).normalize():f}",
        quantity=quantity,
        price=Decimal(str(row["cost"])) / quantity if quantity else Decimal(0),
    )
