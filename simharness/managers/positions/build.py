"""Put a position manager together."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simharness.managers.positions.exchange import ExchangeClient, ExchangeManager
from simharness.managers.positions.manager import PositionManager, PositionSettings
from simharness.managers.positions.orders import OrderDesk, PlainDesk, Timing
from simharness.managers.positions.policies import POLICIES
from simharness.managers.positions.repository import PositionRepository
from simharness.managers.positions.stop_loss import StopLossManager
from simharness.managers.positions.write_ahead import WriteAheadDesk


def wall_clock_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def build_position_manager(
    session_factory: async_sessionmaker[AsyncSession],
    client: ExchangeClient,
    policy: str = "versioned-intent",
    *,
    settings: PositionSettings | None = None,
    timing: Timing | None = None,
    client_id_prefix: str = "pos-",
    stop_attempts: int = 3,
    now_ms: Callable[[], int] = wall_clock_ms,
) -> PositionManager:
    """Return a manager with the registration policy of that name and the order desk that fits it.

    `client_id_prefix` has to be unique among the bots (and databases) that trade on one account.
    Raises `KeyError` for an unknown policy.
    """
    repository = PositionRepository(session_factory, now_ms)
    exchange = ExchangeManager(client)
    desk: OrderDesk
    if POLICIES[policy].write_ahead:
        desk = WriteAheadDesk(repository, exchange, timing, client_id_prefix)
    else:
        desk = PlainDesk(repository, exchange, timing)
    return PositionManager(repository, exchange, StopLossManager(desk, stop_attempts), policy, settings)
