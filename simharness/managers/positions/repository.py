"""Positions, orders and fills in the database: one short transaction per method, no read-modify-write of amounts.

Statements bind whole primary keys, so that writers of different positions never touch each other's rows.
A position's id travels as text, as `PositionState.id` has it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simharness.managers.positions.errors import PositionExists, UnknownPosition
from simharness.managers.positions.exchange import FINAL_STATUSES, Fill, OrderReport
from simharness.managers.positions.models import FillRow, OrderRow, PositionRow
from simharness.managers.positions.state import ZERO, OpenRequest, OrderSide, PositionState, PositionStatus

OPEN_STATUSES = (PositionStatus.OPENING, PositionStatus.ACTIVE, PositionStatus.CLOSING)
SENT = "sent"
"""The status of an order that was written down and sent, and not heard of since."""


class PositionRepository:
    """Storage of positions. `now_ms` tells the time in milliseconds since the epoch."""

    def __init__(self, session_factory: async_sessionmaker[AsyncSession], now_ms: Callable[[], int]) -> None:
        self._sessions = session_factory
        self.now_ms = now_ms

    async def create_position(self, request: OpenRequest, *, exclusive: bool) -> str:
        """Store a position that is about to be opened and return its id.

        With `exclusive` the symbol is claimed; raises `PositionExists` if another open position holds it.
        """
        row = PositionRow(
            symbol=request.symbol,
            side=request.side,
            status=PositionStatus.OPENING,
            claimed_symbol=request.symbol if exclusive else None,
            requested_quantity=request.quantity,
            quantity=ZERO,
            stop_price=request.stop_price,
            trailing=request.trailing,
            opened_at_ms=self.now_ms(),
        )
        try:
            async with self._sessions.begin() as session:
                session.add(row)
        except IntegrityError as error:
            raise PositionExists(f"{request.symbol} already has an open position") from error
        return str(row.id)

    async def get_position(self, position_id: str) -> PositionRow:
        """Return a position's row; raise `UnknownPosition`."""
        async with self._sessions() as session:
            row = await session.get(PositionRow, _row_id(position_id))
        if row is None:
            raise UnknownPosition(position_id)
        return row

    async def open_positions(self) -> Sequence[PositionRow]:
        """Return the positions that are not closed, oldest first."""
        query = select(PositionRow).where(PositionRow.status.in_(OPEN_STATUSES)).order_by(PositionRow.id)
        async with self._sessions() as session:
            return (await session.scalars(query)).all()

    async def update_position(self, position_id: str, **columns: Any) -> None:
        """Set columns of a position that is still open; raise `UnknownPosition` if the id is no row's id."""
        await self._set(position_id, columns, PositionRow.status.in_(OPEN_STATUSES))

    async def record(
        self, reports: Mapping[str, OrderReport], state: PositionState | None = None, *, activate: bool = False
    ) -> None:
        """Store in one transaction what is known of orders and of a position.

        The fills of an order are booked, each once; orders that are foreign or over stay as they are, and so does a
        position that is closed. With `activate` the position is marked as open and protected.
        """
        position = None if state is None else (_row_id(state.id), _columns(state, activate=activate))
        async with self._sessions.begin() as session:
            for reference, report in reports.items():
                await _record_order(session, reference, report)
            if position is not None:
                await _set(session, *position, PositionRow.status.in_(OPEN_STATUSES))

    async def finish(self, position_id: str, status: PositionStatus) -> None:
        """Mark a position as CLOSED or FAILED, and give its symbol free."""
        await self._set(
            position_id,
            {
                "status": status,
                "claimed_symbol": None,
                "quantity": ZERO,
                "unrealized_pnl": ZERO,
                "closed_at_ms": self.now_ms(),
            },
        )

    async def reopen_for_closing(self, position_id: str) -> None:
        """Take up a failed position again whose entry order turned out to have been executed."""
        await self._set(position_id, {"status": PositionStatus.CLOSING, "closed_at_ms": None})

    async def _set(self, position_id: str, columns: dict[str, Any], *conditions: Any) -> None:
        row_id = _row_id(position_id)
        async with self._sessions.begin() as session:
            await _set(session, row_id, columns, *conditions)

    async def add_order(
        self,
        position_id: str,
        role: str,
        side: OrderSide,
        quantity: Decimal,
        *,
        symbol: str,
        trigger_price: Decimal | None = None,
        reference: str | None = None,
        prefix: str = "",
    ) -> str:
        """Store an order and return its reference.

        Without a `reference` it is made from the position's id, the role and a running number,
        so that it is the same in every execution and unique for `prefix`.
        """
        row_id = _row_id(position_id)
        async with self._sessions.begin() as session:
            if reference is None:
                reference = await _free_reference(session, f"{prefix}{position_id}-{role}")
            session.add(
                OrderRow(
                    reference=reference,
                    position_id=row_id,
                    role=role,
                    symbol=symbol,
                    side=side,
                    quantity=quantity,
                    trigger_price=trigger_price,
                    status=SENT,
                    filled=ZERO,
                    created_at_ms=self.now_ms(),
                )
            )
        return reference

    async def get_order(self, reference: str) -> OrderRow | None:
        """Return an order's row, or `None` if the order is not ours."""
        async with self._sessions() as session:
            return await session.get(OrderRow, reference)

    async def orders_of(self, position_id: str) -> Sequence[OrderRow]:
        """Return a position's orders in the order of their creation."""
        query = select(OrderRow).where(OrderRow.position_id == _row_id(position_id))
        async with self._sessions() as session:
            rows = (await session.scalars(query)).all()
        return sorted(rows, key=lambda row: (row.created_at_ms, row.reference))

    async def unresolved_orders(self) -> Sequence[OrderRow]:
        """Return the orders whose end is not known, by reference."""
        query = select(OrderRow).where(OrderRow.status.not_in(FINAL_STATUSES)).order_by(OrderRow.reference)
        async with self._sessions() as session:
            return (await session.scalars(query)).all()

    async def fills_of(self, position_id: str) -> Sequence[FillRow]:
        """Return a position's booked fills by trade id."""
        query = select(FillRow).where(FillRow.position_id == _row_id(position_id)).order_by(FillRow.trade_id)
        async with self._sessions() as session:
            return (await session.scalars(query)).all()

    async def booked_quantity(self, position_id: str, reference: str) -> Decimal:
        """Return how much of one order is booked, in contracts."""
        fills = await self.fills_of(position_id)
        return sum((fill.quantity for fill in fills if fill.reference == reference), ZERO)

    async def cash_flow(self, position_id: str) -> Decimal:
        """Return what came in minus what went out, fees included: of a closed position its realised profit."""
        flow = ZERO
        for fill in await self.fills_of(position_id):
            cost = fill.quantity * fill.price
            flow += (cost if fill.side == "sell" else -cost) - fill.fee
        return flow


def _columns(state: PositionState, *, activate: bool) -> dict[str, Any]:
    """Return what the exchange last reported of a position, with `activate` also what protects it."""
    columns: dict[str, Any] = {
        "quantity": state.quantity,
        "entry_price": state.entry_price,
        "mark_price": state.mark_price,
        "unrealized_pnl": state.unrealized_pnl,
    }
    if activate:
        columns["status"] = PositionStatus.ACTIVE
        columns["stop_price"] = state.stop_price
        columns["stop_reference"] = state.stop_reference
    return columns


async def _set(session: AsyncSession, row_id: int, columns: dict[str, Any], *conditions: Any) -> None:
    statement = update(PositionRow).where(PositionRow.id == row_id, *conditions)
    await session.execute(statement.values(columns).execution_options(synchronize_session=False))


async def _record_order(session: AsyncSession, reference: str, report: OrderReport) -> None:
    columns: dict[str, Any] = {"status": report.status or SENT}
    for name in ("exchange_id", "filled", "average_price"):
        if (value := getattr(report, name)) is not None:
            columns[name] = value
    statement = update(OrderRow).where(OrderRow.reference == reference, OrderRow.status.not_in(FINAL_STATUSES))
    # The update comes first: it locks the row, so that of two reports on one order one waits for the other.
    await session.execute(statement.values(columns).execution_options(synchronize_session=False))
    order = await session.get(OrderRow, reference) if report.fills else None
    if order is not None:
        await _book(session, order, report.fills)


async def _free_reference(session: AsyncSession, stem: str) -> str:
    """Return the first of `stem-1`, `stem-2`, … that no order has; looking them up by key reads no other order."""
    for number in itertools.count(1):
        reference = f"{stem}-{number}"
        if await session.get(OrderRow, reference) is None:
            break
    return reference


async def _book(session: AsyncSession, order: OrderRow, fills: Iterable[Fill]) -> None:
    for fill in fills:
        if await session.get(FillRow, (order.symbol, fill.trade_id)) is not None:
            continue
        session.add(
            FillRow(
                symbol=order.symbol,
                trade_id=fill.trade_id,
                position_id=order.position_id,
                reference=order.reference,
                side=order.side,
                quantity=fill.quantity,
                price=fill.price,
                fee=fill.fee,
            )
        )


def _row_id(position_id: str) -> int:
    if not position_id.isdecimal():
        raise UnknownPosition(position_id)
    return int(position_id)
