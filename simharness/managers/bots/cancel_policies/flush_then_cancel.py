"""Write down why, flush, cancel; commit with the rest of the command.

A flush sends the UPDATE but publishes nothing: other sessions still read the row as it was, and wait for its lock."""

from sqlalchemy.ext.asyncio import AsyncSession

from simharness.managers.bots.exchange import ExchangeClient
from simharness.managers.bots.models import Bot, CancellationReason, Order
from simharness.managers.bots.service import mark_cancelled


class FlushThenCancel:
    """Mark, flush, cancel."""

    async def cancel(
        self, session: AsyncSession, exchange: ExchangeClient, bot: Bot, order: Order, reason: CancellationReason
    ) -> None:
        """Mark and flush, then cancel; the caller commits."""
        mark_cancelled(order, reason)
        await session.flush()
        await exchange.cancel_order(order.exchange_order_id or "", bot.ticker)
