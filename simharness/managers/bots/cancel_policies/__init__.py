"""The ways to order a cancel against the commit that explains it, by name."""

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simharness.managers.bots.background import BackgroundTasks
from simharness.managers.bots.cancel_policies.cancel_then_mark import CancelThenMark
from simharness.managers.bots.cancel_policies.commit_then_cancel import CommitThenCancel
from simharness.managers.bots.cancel_policies.flush_then_cancel import FlushThenCancel
from simharness.managers.bots.cancel_policies.write_ahead import build_write_ahead
from simharness.managers.bots.events import OrderEventHandler
from simharness.managers.bots.exchange import ExchangeClient
from simharness.managers.bots.manager import BotManager
from simharness.managers.bots.retry import RetryPlan
from simharness.managers.bots.service import BotService, CancelPolicy
from simharness.managers.bots.stream import OrderStream

WRITE_AHEAD = "write-ahead"
CANCEL_POLICIES = ("cancel-then-mark", "flush-then-cancel", "commit-then-cancel", WRITE_AHEAD)


def build_manager(
    cancel_policy: str,
    session_factory: async_sessionmaker[AsyncSession],
    exchange: ExchangeClient,
    retry: RetryPlan,
) -> BotManager:
    """Return the manager that works by a named policy.

    Raises:
        ValueError: there is no such policy.
    """
    if cancel_policy == WRITE_AHEAD:
        return build_write_ahead(session_factory, exchange, retry)
    simple: dict[str, CancelPolicy] = {
        "cancel-then-mark": CancelThenMark(),
        "flush-then-cancel": FlushThenCancel(),
        "commit-then-cancel": CommitThenCancel(),
    }
    if cancel_policy not in simple:
        raise ValueError(f"unknown cancel policy {cancel_policy!r}; known are {', '.join(CANCEL_POLICIES)}")
    events = OrderEventHandler(session_factory, exchange)
    background = BackgroundTasks()
    return BotManager(
        session_factory=session_factory,
        commands=BotService(exchange, simple[cancel_policy]),
        events=events,
        stream=OrderStream(exchange, events, background, backoff_s=retry.reconnect_delays_s),
        background=background,
    )
