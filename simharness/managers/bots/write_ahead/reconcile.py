"""Compares the database with the exchange: after a start, after a gap in the order stream."""

import logging

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simharness.managers.bots.errors import ExchangeUnavailable
from simharness.managers.bots.exchange import BaseError, ExchangeClient
from simharness.managers.bots.models import WORKING, Bot, BotStatus, Order
from simharness.managers.bots.write_ahead.events import WriteAheadOrderEvents
from simharness.managers.bots.write_ahead.turns import Turns

logger = logging.getLogger(__name__)


class Reconciler:
    """Finds and finishes what a crash or a gap left open.

    Args:
        session_factory: opens the session that lists the bots.
        exchange: is asked for its open orders.
        events: takes orders of ours that the database believes to have ended.
        turns: compare and go on with one bot at a time.
    """

    def __init__(
        self,
        session_factory: async_sessionmaker[AsyncSession],
        exchange: ExchangeClient,
        events: WriteAheadOrderEvents,
        turns: Turns,
    ) -> None:
        self._session_factory = session_factory
        self._exchange = exchange
        self._events = events
        self._turns = turns

    async def reconcile(self) -> None:
        """Bring every bot and the exchange to agree; a bot whose exchange does not answer is left to its repair."""
        async with self._session_factory() as session:
            tickers = list(await session.scalars(select(Bot.ticker).distinct().order_by(Bot.ticker)))
            working = select(Order.bot_id).where(Order.status.in_(WORKING))
            open_bots = select(Bot.id).where(or_(Bot.status == BotStatus.ACTIVE, Bot.id.in_(working))).order_by(Bot.id)
            bot_ids = list(await session.scalars(open_bots))
        for ticker in tickers:
            await self._take_in_open_orders(ticker)
        for bot_id in bot_ids:
            try:
                await self._turns.compare(bot_id)
            except ExchangeUnavailable as error:
                logger.warning("bot %s not reconciled yet: %s", bot_id, error)
            except Exception:
                # A bot that cannot be compared must not keep the others from being compared.
                logger.exception("bot %s could not be reconciled", bot_id)

    async def _take_in_open_orders(self, ticker: str) -> None:
        """Apply the exchange's list of working orders: it may hold orders that were given up for lost."""
        try:
            orders = await self._exchange.fetch_open_orders(ticker)
        except BaseError as error:
            logger.warning("open orders of %s unknown: %s", ticker, error)
            return
        for order in orders:
            try:
                await self._events.handle(order)
            except ExchangeUnavailable as unavailable:
                logger.warning("order %s not reconciled yet: %s", order.get("id"), unavailable)
            except Exception:
                logger.exception("order %s could not be reconciled", order.get("id"))
