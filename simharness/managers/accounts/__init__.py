"""Small pieces of bookkeeping over SQLAlchemy, each in ways that hold and ways that do not.

They are what the scenarios about locks and isolation test: every module is one situation, and its ``WAYS`` are the
programs that one meets for it in real services.
"""

from simharness.managers.accounts import booking, daily, filling, limits, placing, settling, stopping
from simharness.managers.accounts.tables import accounts, bots, metadata, orders, runs

__all__ = [
    "accounts",
    "booking",
    "bots",
    "daily",
    "filling",
    "limits",
    "metadata",
    "orders",
    "placing",
    "runs",
    "settling",
    "stopping",
]
