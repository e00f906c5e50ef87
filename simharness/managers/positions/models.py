"""The tables: positions, their orders, and the fills of those orders.

Realised profit is not a column. It is the sum over the fills (`PositionRepository.cash_flow`), each
stored once under the exchange's trade id, so a repeated or late report cannot count twice.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Integer, Numeric, String
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

RowId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER.


class Money(TypeDecorator[Decimal]):
    """An exact `Decimal`: NUMERIC without a scale on PostgreSQL, text on SQLite, which has no decimals."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column type for `dialect`."""
        return dialect.type_descriptor(String(64) if dialect.name == "sqlite" else Numeric(asdecimal=True))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Return what is sent to the driver; raise `ValueError` for NaN and infinities."""
        if value is None:
            return None
        if not value.is_finite():
            raise ValueError(f"not an amount of money: {value}")
        return format(value, "f") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return what the driver delivered as a `Decimal`."""
        return None if value is None else Decimal(value)


class Base(DeclarativeBase):
    """The declarative base of the position tables."""


class PositionRow(Base):
    """One position, from the wish to open it until it is closed; times are milliseconds since the epoch."""

    __tablename__ = "positions"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    symbol: Mapped[str] = mapped_column(String(64))
    side: Mapped[str] = mapped_column(String(8))
    status: Mapped[str] = mapped_column(String(16))
    # The symbol while the position is open, then NULL: the database allows one open position per symbol.
    claimed_symbol: Mapped[str | None] = mapped_column(String(64), unique=True)
    requested_quantity: Mapped[Decimal] = mapped_column(Money)
    quantity: Mapped[Decimal] = mapped_column(Money)
    entry_price: Mapped[Decimal | None] = mapped_column(Money)
    mark_price: Mapped[Decimal | None] = mapped_column(Money)
    unrealized_pnl: Mapped[Decimal | None] = mapped_column(Money)
    stop_price: Mapped[Decimal] = mapped_column(Money)
    trailing: Mapped[Decimal | None] = mapped_column(Money)
    stop_reference: Mapped[str | None] = mapped_column(String(64))
    opened_at_ms: Mapped[int] = mapped_column(BigInteger)
    closed_at_ms: Mapped[int | None] = mapped_column(BigInteger)


class OrderRow(Base):
    """One order of a position.

    `reference` is the client order id, or the exchange's order id where the bot sent none.
    """

    __tablename__ = "position_orders"

    reference: Mapped[str] = mapped_column(String(64), primary_key=True)
    position_id: Mapped[int] = mapped_column(ForeignKey("positions.id"))
    role: Mapped[str] = mapped_column(String(8))
    symbol: Mapped[str] = mapped_column(String(64))
    side: Mapped[str] = mapped_column(String(8))
    quantity: Mapped[Decimal] = mapped_column(Money)
    trigger_price: Mapped[Decimal | None] = mapped_column(Money)
    status: Mapped[str] = mapped_column(String(16))
    exchange_id: Mapped[str | None] = mapped_column(String(64))
    filled: Mapped[Decimal] = mapped_column(Money)
    average_price: Mapped[Decimal | None] = mapped_column(Money)
    created_at_ms: Mapped[int] = mapped_column(BigInteger)


class FillRow(Base):
    """One execution, stored once: the exchange numbers its trades per symbol."""

    __tablename__ = "position_fills"

    symbol: Mapped[str] = mapped_column(String(64), primary_key=True)
    trade_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    position_id: Mapped[int] = mapped_column(ForeignKey("positions.id"))
    reference: Mapped[str] = mapped_column(ForeignKey("position_orders.reference"))
    side: Mapped[str] = mapped_column(String(8))
    quantity: Mapped[Decimal] = mapped_column(Money)
    price: Mapped[Decimal] = mapped_column(Money)
    fee: Mapped[Decimal] = mapped_column(Money)


async def create_schema(engine: AsyncEngine) -> None:
    """Create the tables that are missing."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


def create_session_factory(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Return a factory of sessions whose rows stay readable after commit."""
    return async_sessionmaker(engine, expire_on_commit=False)
