"""The position manager as a system under test: its tables, its streams, its commands."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from simharness.core.lane import current_lane
from simharness.database.pool import renewed, warm_up
from simharness.errors import ScenarioError
from simharness.invariants.snapshot import BookedExecution, LocalOrder, LocalPosition, LocalState, Memory, Snapshot
from simharness.managers.positions import (
    POLICIES,
    OpenRequest,
    PositionError,
    PositionManager,
    PositionState,
    UserStreams,
    WriteAheadDesk,
    build_position_manager,
    create_session_factory,
)
from simharness.managers.positions.models import Base
from simharness.managers.positions.orders import ENTRY, STOP
from simharness.managers.positions.policies import PENDING_ID, VersionedIntent
from simharness.world.setting import Command, Given, Setting
from simharness.world.system import Read
from simharness.world.venue_actions import exposure_limits

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from simharness.world.world import World

_STATUS = {"OPENING": "opening", "ACTIVE": "open", "CLOSING": "closing", "CLOSED": "closed", "FAILED": "failed"}
_ORDER_STATES = {
    "open": LocalState.WORKING,
    "closed": LocalState.FILLED,
    "canceled": LocalState.CANCELED,
    "rejected": LocalState.REJECTED,
    "expired": LocalState.EXPIRED,
}
# Sessions at once: one for every order event that is being handled, and those of the commands.
_CONNECTIONS = 10
_OPEN_KEYS = frozenset({"symbol", "side", "quantity", "stop_price", "leverage", "trailing"})


def position_manager(*, registration_policy: str = "versioned-intent", **unknown: str) -> PositionSystem:
    """Return the position manager with one of its registration policies.

    Raises:
        ScenarioError: an option is not known.
    """
    if unknown:
        named = ", ".join(sorted(unknown))
        raise ScenarioError(f"position_manager has no option {named}; it has registration_policy")
    if registration_policy not in POLICIES:
        known = ", ".join(POLICIES)
        raise ScenarioError(f"unknown registration_policy {registration_policy!r}; known are {known}")
    return PositionSystem(registration_policy)


class PositionSystem:
    """See ``world.system.System``."""

    watched = ("simharness.managers.positions",)

    def __init__(self, registration_policy: str) -> None:
        self.registration_policy = registration_policy
        self._own_ids = POLICIES[registration_policy].write_ahead
        self._engine: AsyncEngine | None = None

    def create(self, connection: Connection, setting: Setting) -> None:
        """Create the tables, with nothing in them.

        Raises:
            ScenarioError: something is given that the position manager does not know.
        """
        for each in setting.given:
            if each.kind != "market":
                raise ScenarioError(
                    f"{each.where} the position manager knows no given {each.kind!r}; write market".lstrip()
                )
        Base.metadata.create_all(connection)

    def build(self, world: World) -> RunningPositions:
        """Build manager and streams."""
        world.expected_errors = (PositionError,)
        world.view.exposure_limits.update(exposure_limits(world.setting))
        assert world.database is not None
        self._engine = renewed(create_async_engine(world.database.url) if self._engine is None else self._engine)
        return RunningPositions(world, self._engine, self.registration_policy)

    def snapshot(self, read: Read) -> Snapshot:
        """Translate the three tables."""
        rows = read("SELECT * FROM position_orders ORDER BY reference")
        orders = {f"position_orders#{row['reference']}": self._order(row) for row in rows}
        stopped = {row["position_id"] for row in rows if row["role"] == STOP and _state(row) in _WORKING}
        positions = {
            f"positions#{row['id']}": _position(row, stop=row["id"] in stopped)
            for row in read("SELECT * FROM positions ORDER BY id")
        }
        fills = {
            f"position_fills#{row['symbol']}|{row['trade_id']}": _fill(row)
            for row in read("SELECT * FROM position_fills ORDER BY symbol, trade_id")
        }
        return Snapshot(orders, {}, fills, positions, keeps=frozenset({"orders", "executions", "positions"}))

    def subject_of(self, command: Command, variables: Mapping[str, str]) -> str | None:
        """Return None: which row a command is about is known only when it is answered."""
        del command, variables
        return None

    def variables(self, given: tuple[Given, ...]) -> Mapping[str, str]:
        """Return nothing: commands name symbols."""
        del given
        return {}

    def _order(self, row: Mapping[str, Any]) -> LocalOrder:
        reference = row["reference"]
        return LocalOrder(
            key=f"position_orders#{reference}",
            owner=f"positions#{row['position_id']}",
            symbol=row["symbol"],
            # Without ids of its own the program calls an order what the venue calls it.
            exchange_id=row["exchange_id"] if self._own_ids else reference,
            client_id=reference if self._own_ids else None,
            state=_state(row),
            quantity=Decimal(row["quantity"]),
            filled=Decimal(row["filled"]),
            reduce_only=row["role"] != ENTRY,
            side=row["side"],
        )


class RunningPositions:
    """The manager and its streams inside one execution."""

    app: Any = None

    def __init__(self, world: World, engine: AsyncEngine, registration_policy: str) -> None:
        self._world = world
        self._engine = engine
        # A restarted process is another client of the venue.
        self._exchange = world.open_exchange("bot restarted" if world.view.crashed else "bot")
        sessions = create_session_factory(self._engine)
        self.manager: PositionManager = build_position_manager(sessions, self._exchange, registration_policy)
        self.streams = UserStreams(self.manager)

    async def start(self) -> None:
        """Listen, then bring database, memory and venue together, as after every start."""
        current_lane.set("handler")
        # One is enough where others open at once, on demand.
        await warm_up(self._engine, 1 if self._engine.dialect.driver == "aiosqlite" else _CONNECTIONS)
        # The periodic checks stay off: they never end, and scenarios call them where they matter.
        self.streams.start(periodic=False)
        await self.manager.recover()

    async def perform(self, command: Command) -> Mapping[str, str] | None:
        """Carry out a ``call``: open_position, close_position, sync or check_protection.

        Raises:
            ScenarioError: it is none of these.
            PositionError: the manager refused, or failed.
        """
        manager, args = self.manager, command.args
        if command.kind == "call" and command.target == "open_position":
            state = await manager.open_position(_request(command))
            return {"id": state.id, "quantity": str(state.quantity)}
        if command.kind == "call" and command.target == "close_position":
            closed = await manager.close_position(str(args["symbol"]))
            return {"closed": str(closed)}
        if command.kind == "call" and command.target == "sync":
            await manager.sync_with_exchange()
            return None
        if command.kind == "call" and command.target == "check_protection":
            await manager.check_protection()
            return None
        known = "open_position, close_position, sync, check_protection"
        raise ScenarioError(f"{command.where} the position manager cannot {command.title!r}; call {known}".lstrip())

    def memory(self) -> Memory:
        """Return tracked positions, buffers, locks, and what has leaked from them."""
        manager, policy, desk = self.manager, self.manager.policy, self.manager.desk
        intents, told = (policy.intents, policy.told) if isinstance(policy, VersionedIntent) else ({}, {})
        buffered = {symbol: len(updates) for symbol, updates in manager.pending_updates.items() if updates}
        reports, mail = (desk.reports, desk.mail) if isinstance(desk, WriteAheadDesk) else ({}, {})
        for symbol in (*told, *mail):
            buffered[symbol] = 1
        return Memory(
            positions={symbol: _tracked(state) for symbol, state in sorted(manager.positions.items())},
            buffered=dict(sorted(buffered.items())),
            locked=frozenset({*manager.position_locks, *intents}),
            followed=frozenset(f"position_orders#{reference}" for reference in reports),
            leaks=self._leaks(),
        )

    def crash(self) -> None:
        """End the client: nothing that is under way reaches the program any more."""
        self._exchange.abandon()

    def _leaks(self) -> dict[str, int]:
        """Return where the placeholder's id or its price of zero has turned up, from the program's own errors."""
        heard = [(complaint.message, complaint.step) for complaint in self._world.view.complaints]
        heard += [(answer.failure, answer.step) for answer in self._world.view.answers if answer.failure]
        found: dict[str, int] = {}
        for text, step in heard:
            if text == f"UnknownPosition: {PENDING_ID}":
                found.setdefault(f"the id {PENDING_ID!r} of a placeholder reached the repository", step)
            if "DivisionByZero" in text or "DivisionUndefined" in text:
                found.setdefault("the entry price 0 of a placeholder reached a computation", step)
        return found


def _request(command: Command) -> OpenRequest:
    args = command.args
    unknown = sorted(set(args) - _OPEN_KEYS)
    if unknown:
        raise ScenarioError(f"{command.where} open_position has no argument {unknown[0]!r}".lstrip())
    side = str(args.get("side", "long"))
    try:
        return OpenRequest(
            symbol=str(args["symbol"]),
            side="short" if side == "short" else "long",
            quantity=Decimal(str(args["quantity"])),
            stop_price=Decimal(str(args["stop_price"])),
            leverage=int(args["leverage"]) if "leverage" in args else None,
            trailing=Decimal(str(args["trailing"])) if "trailing" in args else None,
        )
    except KeyError as error:
        raise ScenarioError(f"{command.where} open_position needs {error.args[0]!r}".lstrip()) from None


_WORKING = (LocalState.INTENT, LocalState.WORKING, LocalState.PARTIALLY_FILLED)


def _state(row: Mapping[str, Any]) -> LocalState:
    """Return what the program knows of an order: ``sent`` without the venue's id is an intent."""
    state = _ORDER_STATES.get(row["status"])
    if state is None:
        return LocalState.INTENT if row["exchange_id"] is None else LocalState.WORKING
    partly = state is LocalState.WORKING and Decimal(row["filled"]) > 0
    return LocalState.PARTIALLY_FILLED if partly else state


def _signed(side: str, quantity: Decimal) -> Decimal:
    return quantity if side == "long" else -quantity


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _position(row: Mapping[str, Any], *, stop: bool) -> LocalPosition:
    return LocalPosition(
        key=f"positions#{row['id']}",
        symbol=row["symbol"],
        quantity=_signed(row["side"], Decimal(row["quantity"])),
        entry_price=_number(row["entry_price"]),
        status=_STATUS[row["status"]],
        stop=stop,
        mark_price=_number(row["mark_price"]),
    )


def _tracked(state: PositionState) -> LocalPosition:
    return LocalPosition(
        key=state.symbol,
        symbol=state.symbol,
        quantity=_signed(state.side, state.quantity),
        entry_price=state.entry_price,
        status=_STATUS[state.status.value],
        stop=state.stop_reference is not None,
        sequence=None if state.version is None else state.version.sequence,
        placeholder=state.id == PENDING_ID,
        mark_price=state.mark_price,
    )


def _fill(row: Mapping[str, Any]) -> BookedExecution:
    return BookedExecution(
        key=f"position_fills#{row['symbol']}|{row['trade_id']}",
        order=f"position_orders#{row['reference']}",
        execution=row["trade_id"],
        quantity=Decimal(row["quantity"]),
        price=Decimal(row["price"]),
        fee=Decimal(row["fee"]),
    )
