"""A position manager for ccxt.pro derivatives exchanges, over SQLAlchemy.

`manager` is the door: it tracks positions and takes commands. `atomic` opens, `closing` closes,
`stop_loss` and `trailing` protect, `protection` and `sync` check now and then, `recovery` starts after
a crash, `streams` listens. Below them `orders` and `write_ahead` send orders and learn their outcome, `repository`
stores (`models` are its tables), `exchange` speaks ccxt, `state` holds the values. `policies` is the
variation point: when a position that is being opened becomes visible.
"""

from __future__ import annotations

from simharness.managers.positions.atomic import AtomicPositionManager
from simharness.managers.positions.build import build_position_manager
from simharness.managers.positions.errors import (
    CloseFailed,
    OpenFailed,
    OrderMissing,
    OrderRefused,
    OutcomeUnknown,
    PositionError,
    PositionExists,
    StopLossFailed,
    UnknownPosition,
)
from simharness.managers.positions.exchange import ExchangeClient, ExchangeManager
from simharness.managers.positions.manager import PositionManager, PositionSettings
from simharness.managers.positions.models import create_schema, create_session_factory
from simharness.managers.positions.orders import PlainDesk, Timing
from simharness.managers.positions.policies import POLICIES
from simharness.managers.positions.repository import PositionRepository
from simharness.managers.positions.state import OpenRequest, PositionState, PositionStatus, PositionUpdate
from simharness.managers.positions.stop_loss import StopLossManager
from simharness.managers.positions.streams import UserStreams
from simharness.managers.positions.write_ahead import WriteAheadDesk

__all__ = [
    "POLICIES",
    "AtomicPositionManager",
    "CloseFailed",
    "ExchangeClient",
    "ExchangeManager",
    "OpenFailed",
    "OpenRequest",
    "OrderMissing",
    "OrderRefused",
    "OutcomeUnknown",
    "PlainDesk",
    "PositionError",
    "PositionExists",
    "PositionManager",
    "PositionRepository",
    "PositionSettings",
    "PositionState",
    "PositionStatus",
    "PositionUpdate",
    "StopLossFailed",
    "StopLossManager",
    "Timing",
    "UnknownPosition",
    "UserStreams",
    "WriteAheadDesk",
    "build_position_manager",
    "create_schema",
    "create_session_factory",
]
