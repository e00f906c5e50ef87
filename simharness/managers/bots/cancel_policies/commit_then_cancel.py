"""Write down why, commit, cancel.

Whoever sees the cancel can read its reason. That the cancel may fail after it was written down is not provided for."""

from sqlalchemy.ext.asyncio import AsyncSession

from simharness.managers.bots.exchange import ExchangeClient
from simharness.managers.bots.models import Bot, CancellationReason, Order
from simharness.managers.bots.service import mark_cancelled


class CommitThenCancel:
    """Mark, commit, cancel."""

    async def cancel(
        self, session: AsyncSession, exchange: ExchangeClient, bot: Bot, order: Order, reason: CancellationReason
    ) -> None:
        """Mark and commit, then cancel."""
        mark_cancelled(order, reason)
        await session.commit()
        await exchange.cancel_order(order.exchange_order_id or "", bot.ticker)
