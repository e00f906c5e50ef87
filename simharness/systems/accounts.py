"""Bookkeeping over SQLAlchemy as a system under test: no venue, no web framework, only transactions that meet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from simharness.core.lane import current_lane
from simharness.database.pool import renewed, warm_up
from simharness.errors import ScenarioError
from simharness.invariants.snapshot import Memory, Owner, OwnerState, Snapshot
from simharness.managers import accounts as books
from simharness.world.setting import Command, Given, Setting
from simharness.world.system import Read

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from simharness.world.world import World

# Matrix key → the ways in which that piece of bookkeeping is written.
_WAYS: dict[str, Mapping[str, Any]] = {
    "booking": books.booking.WAYS,
    "daily": books.daily.WAYS,
    "filling": books.filling.WAYS,
    "limits": books.limits.WAYS,
    "placing": books.placing.WAYS,
    "settling": books.settling.WAYS,
    "stopping": books.stopping.WAYS,
}
# What `call: expect` can ask for, as one number each.
_FACTS = {
    "balance": select(func.coalesce(func.sum(books.accounts.c.balance), 0)),
    "orders": select(func.count()).select_from(books.orders),
    "runs": select(func.count()).select_from(books.runs),
    "settled": select(func.count()).where(books.orders.c.status == "SETTLED"),
}
_CONNECTIONS = 3


def accounts(**ways: str) -> AccountSystem:
    """Return the bookkeeping with its pieces written in the ways that the matrix names.

    Raises:
        ScenarioError: there is no such piece, or it is not written in such a way.
    """
    for piece, way in ways.items():
        if piece not in _WAYS:
            raise ScenarioError(f"accounts has no option {piece}; it has {', '.join(_WAYS)}")
        if way not in _WAYS[piece]:
            raise ScenarioError(f"unknown way of {piece} {way!r}; known are {', '.join(_WAYS[piece])}")
    return AccountSystem(ways)


class AccountSystem:
    """See ``world.system.System``."""

    watched = ("simharness.managers.accounts",)

    def __init__(self, ways: Mapping[str, str]) -> None:
        self._ways = {piece: _WAYS[piece][way] for piece, way in ways.items()}
        self._engine: AsyncEngine | None = None

    def create(self, connection: Connection, setting: Setting) -> None:
        """Create the tables with what is given: ``bot``, ``order``, ``account``, each a row."""
        books.metadata.create_all(connection)
        tables = {"bot": books.bots, "order": books.orders, "account": books.accounts}
        defaults: dict[str, dict[str, Any]] = {
            "bot": {"ticker": "ETH/USDT", "status": "ACTIVE", "price": 100},
            "order": {"status": "OPEN", "filled": 0},
            "account": {"balance": 0, "version": 1},
        }
        for each in setting.given:
            if each.kind not in tables:
                raise ScenarioError(f"{each.where} accounts knows no given {each.kind!r}; it has {', '.join(tables)}")
            connection.execute(insert(tables[each.kind]).values({**defaults[each.kind], **each.values}))

    def build(self, world: World) -> RunningAccounts:
        """Build the program for one execution."""
        assert world.database is not None, "accounts needs a database"
        self._engine = renewed(create_async_engine(world.database.url) if self._engine is None else self._engine)
        return RunningAccounts(world, self._engine, self._ways)

    def snapshot(self, read: Read) -> Snapshot:
        """Translate the bots: the rest has no words that invariants know."""
        bots = {
            f"bots#{row['id']}": Owner(f"bots#{row['id']}", row["ticker"], OwnerState(row["status"].lower()))
            for row in read("SELECT id, ticker, status FROM bots WHERE status IN ('ACTIVE', 'STOPPED') ORDER BY id")
        }
        return Snapshot(owners=bots)

    def subject_of(self, command: Command, variables: Mapping[str, str]) -> str | None:
        """No answer speaks of a row."""

    def variables(self, given: tuple[Given, ...]) -> Mapping[str, str]:
        """No names."""
        return {}


class RunningAccounts:
    """The bookkeeping inside one execution."""

    app = None

    def __init__(self, world: World, engine: AsyncEngine, ways: Mapping[str, Any]) -> None:
        self._engine = engine
        self._ways = ways
        self._cancelled: asyncio.Queue[None] = asyncio.Queue()
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the pool, and listen to what the exchange says."""
        await warm_up(self._engine, _CONNECTIONS)
        if "stopping" in self._ways:
            current_lane.set("handler")
            self._listener = asyncio.create_task(self._listen())

    async def perform(self, command: Command) -> Any:
        """Carry out a ``call``.

        Raises:
            ScenarioError: there is no such call, or the matrix does not say in which way.
        """
        if command.target == "change_price":
            return await books.stopping.change_price(self._engine, lambda: self._cancelled.put_nowait(None))
        if command.target == "reprice":
            return await books.filling.reprice(self._engine)
        if command.target == "expect":
            return await self._expect(command.args)
        way = self._ways.get(command.target)
        if way is None:
            known = ", ".join(("change_price", "reprice", "expect", *self._ways))
            raise ScenarioError(f"{command.where} accounts has no call {command.target!r} here; it has {known}")
        return await way(self._engine, **command.args)

    def memory(self) -> Memory:
        """Return nothing: everything is in the database."""
        return Memory()

    def crash(self) -> None:
        """Nothing to forget beyond the engine."""

    async def _listen(self) -> None:
        while True:
            await self._cancelled.get()
            await self._ways["stopping"](self._engine)

    async def _expect(self, facts: Mapping[str, Any]) -> None:
        async with self._engine.connect() as connection:
            for fact, expected in facts.items():
                found = await connection.scalar(_FACTS[fact])
                assert found == expected, f"{fact} is {found}, not {expected}"
