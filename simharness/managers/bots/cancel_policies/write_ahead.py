"""Write down the intent, commit, act, merge the outcome from whatever tells it first.

Unlike its siblings this is not one cancel in another order: it shares the intents between endpoints and events,
lets one of them at a time have a bot, and recovers from outcomes that are unknown.
"""

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simharness.managers.bots.background import BackgroundTasks
from simharness.managers.bots.exchange import ExchangeClient
from simharness.managers.bots.manager import BotManager
from simharness.managers.bots.retry import RetryPlan
from simharness.managers.bots.stream import OrderStream
from simharness.managers.bots.write_ahead.events import WriteAheadOrderEvents
from simharness.managers.bots.write_ahead.reconcile import Reconciler
from simharness.managers.bots.write_ahead.service import WriteAheadBotService
from simharness.managers.bots.write_ahead.turns import Turns


def build_write_ahead(
    session_factory: async_sessionmaker[AsyncSession], exchange: ExchangeClient, retry: RetryPlan
) -> BotManager:
    """Return a manager whose every writer takes turns, with one set of locks between them."""
    background = BackgroundTasks()
    turns = Turns(session_factory, exchange, retry, background)
    events = WriteAheadOrderEvents(session_factory, turns)
    reconciler = Reconciler(session_factory, exchange, events, turns)
    return BotManager(
        session_factory=session_factory,
        commands=WriteAheadBotService(turns),
        events=events,
        stream=OrderStream(
            exchange, events, background, on_reconnect=reconciler.reconcile, backoff_s=retry.reconnect_delays_s
        ),
        background=background,
        reconcile=reconciler.reconcile,
        turns=turns,
    )
