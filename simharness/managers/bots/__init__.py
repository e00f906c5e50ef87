"""A manager of scalping bots: FastAPI in front, SQLAlchemy behind, a ccxt.pro exchange beside.

`api` ties the parts together, `service` and `events` are the two writers as they are usually written, `write_ahead` is
how they should be, `cancel_policies` chooses, `stream` follows the exchange, `models` and `records` are the database.
"""

from simharness.managers.bots.api import create_app
from simharness.managers.bots.cancel_policies import CANCEL_POLICIES, build_manager
from simharness.managers.bots.events import OrderEventHandler
from simharness.managers.bots.exchange import ExchangeClient
from simharness.managers.bots.manager import BotManager
from simharness.managers.bots.models import create_schema, create_session_factory
from simharness.managers.bots.retry import RetryPlan
from simharness.managers.bots.stream import OrderStream

__all__ = [
    "CANCEL_POLICIES",
    "BotManager",
    "ExchangeClient",
    "OrderEventHandler",
    "OrderStream",
    "RetryPlan",
    "build_manager",
    "create_app",
    "create_schema",
    "create_session_factory",
]
