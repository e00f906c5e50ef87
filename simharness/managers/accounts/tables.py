"""The tables: bots, their orders, accounts with balances, and the runs of a daily job."""

from sqlalchemy import Column, Integer, MetaData, String, Table

metadata = MetaData()

bots = Table(
    "bots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticker", String, nullable=False),
    Column("status", String, nullable=False),
    Column("price", Integer, nullable=False),
)
orders = Table(
    "orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", String, nullable=False, unique=True),
    Column("status", String, nullable=False),
    # Why the program itself cancels it; empty if it does not.
    Column("reason", String),
    Column("filled", Integer, nullable=False),
)
accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("balance", Integer, nullable=False),
    Column("version", Integer, nullable=False),
)
runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("day", String, nullable=False),
)
