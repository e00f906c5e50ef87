"""The four tables: bots, orders, trades, activity logs.

Rows are never deleted. A deleted bot is only marked, because fills of its last order may still be on their way.
"""

from decimal import Context, Decimal
from enum import StrEnum

from sqlalchemy import BigInteger, Enum, ForeignKey, Numeric, String, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from simharness.managers.bots.errors import InvalidPrices


class Side(StrEnum):
    """The side of an order, spelled as ccxt spells it."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        """The other side: what follows in the scalping cycle."""
        return Side.SELL if self is Side.BUY else Side.BUY


class BotStatus(StrEnum):
    """What a bot is asked to do: keep one order working, keep none, or wait for a human."""

    ACTIVE = "ACTIVE"
    STOPPED = "STOPPED"
    ERROR = "ERROR"


class OrderStatus(StrEnum):
    """The life of an order as far as this database knows it."""

    PENDING = "PENDING"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


class CancellationReason(StrEnum):
    """Who asked for a cancel; MANUAL is everybody but this program."""

    UPDATE = "UPDATE"
    STOP = "STOP"
    DELETE = "DELETE"
    MANUAL = "MANUAL"


WORKING = (OrderStatus.PENDING, OrderStatus.PARTIALLY_FILLED)
OWN_REASONS = (CancellationReason.UPDATE, CancellationReason.STOP, CancellationReason.DELETE)


# Wide enough for every amount a column holds: the default context would round to 28 digits.
_EXACT = Context(prec=100)


class Money(TypeDecorator[Decimal]):
    """A Decimal that comes back exactly as it went in: NUMERIC on PostgreSQL, text where NUMERIC means float."""

    impl = String(64)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Decimal] | TypeEngine[str]:
        """Choose the column type for one database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric(asdecimal=True))
        return dialect.type_descriptor(String(64))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        """Pass the Decimal on, or spell it out: equal values as equal texts, so that SQL may test for equality."""
        if value is None or dialect.name == "postgresql":
            return value
        return format(value.normalize(_EXACT), "f")

    def process_result_value(self, value: Decimal | str | None, dialect: Dialect) -> Decimal | None:
        """Return what was stored as a Decimal."""
        del dialect  # both kinds of column hold a value that Decimal reads exactly
        return None if value is None else Decimal(value)


class Base(DeclarativeBase):
    """The metadata of the bot manager's own schema."""


class Bot(Base):
    """A bot that buys at one price and sells at another, in turns."""

    __tablename__ = "bots"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticker: Mapped[str] = mapped_column(String(64))
    side: Mapped[Side] = mapped_column(Enum(Side, native_enum=False, length=32))
    quantity: Mapped[Decimal] = mapped_column(Money)
    buy_price: Mapped[Decimal] = mapped_column(Money)
    sell_price: Mapped[Decimal] = mapped_column(Money)
    status: Mapped[BotStatus] = mapped_column(Enum(BotStatus, native_enum=False, length=32))
    version: Mapped[int] = mapped_column(default=1)
    deleted: Mapped[bool] = mapped_column(default=False)

    def price_of(self, side: Side) -> Decimal:
        """Return the limit price that this bot uses on `side`."""
        return self.buy_price if side is Side.BUY else self.sell_price

    def reprice(self, buy_price: Decimal | None, sell_price: Decimal | None) -> None:
        """Take over new prices; None keeps the old one.

        Raises:
            InvalidPrices: the bot would sell at or below the price it buys at; nothing has changed.
        """
        buy_price = self.buy_price if buy_price is None else buy_price
        sell_price = self.sell_price if sell_price is None else sell_price
        if buy_price >= sell_price:
            raise InvalidPrices
        self.buy_price, self.sell_price = buy_price, sell_price
        self.version += 1

    def switch(self, status: BotStatus) -> None:
        """Carry out a command to start or stop."""
        self.status = status
        self.version += 1


class Order(Base):
    """One order of a bot; without an exchange order id it is an intent whose outcome is not known yet."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"), index=True)
    exchange_order_id: Mapped[str | None] = mapped_column(String(64), index=True)
    client_order_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    side: Mapped[Side] = mapped_column(Enum(Side, native_enum=False, length=32))
    price: Mapped[Decimal] = mapped_column(Money)
    quantity: Mapped[Decimal] = mapped_column(Money)
    filled_quantity: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    filled_cost: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    status: Mapped[OrderStatus] = mapped_column(Enum(OrderStatus, native_enum=False, length=32))
    cancellation_reason: Mapped[CancellationReason | None] = mapped_column(
        Enum(CancellationReason, native_enum=False, length=32)
    )

    @property
    def is_working(self) -> bool:
        """Whether the exchange may still fill this order."""
        return self.status in WORKING


class Trade(Base):
    """A stretch of an order's quantity that was filled, from `filled_before` on.

    Exchanges report the filled quantity of an order cumulatively and more than once. What a trade covers is told by
    where it begins, so that no stretch can be booked twice, whoever reports it and in whatever portions.
    """

    __tablename__ = "trades"
    __table_args__ = (UniqueConstraint("order_id", "filled_before"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"))
    side: Mapped[Side] = mapped_column(Enum(Side, native_enum=False, length=32))
    filled_before: Mapped[Decimal] = mapped_column(Money)
    quantity: Mapped[Decimal] = mapped_column(Money)
    cost: Mapped[Decimal] = mapped_column(Money)


class ActivityLog(Base):
    """What a user reads about a bot."""

    __tablename__ = "activity_logs"

    id: Mapped[int] = mapped_column(primary_key=True)
    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"), index=True)
    level: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(String(500))
    created_at_ns: Mapped[int] = mapped_column(BigInteger)


def create_session_factory(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Return the sessions the manager works with.

    Attributes stay readable after a commit: an endpoint answers with what it committed, not with what others
    wrote since.
    """
    return async_sessionmaker(engine, expire_on_commit=False)


async def create_schema(engine: AsyncEngine) -> None:
    """Create the tables that do not exist yet."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
