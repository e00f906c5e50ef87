"""Cancel first, write down why afterwards.

Until the commit every other session reads a cancel that nobody asked for."""

from sqlalchemy.ext.asyncio import AsyncSession

from simharness.managers.bots.exchange import ExchangeClient
from simharness.managers.bots.models import Bot, CancellationReason, Order
from simharness.managers.bots.service import mark_cancelled


class CancelThenMark:
    """Cancel, mark, commit."""

    async def cancel(
        self, session: AsyncSession, exchange: ExchangeClient, bot: Bot, order: Order, reason: CancellationReason
    ) -> None:
        """Cancel the order, then mark and commit."""
        await exchange.cancel_order(order.exchange_order_id or "", bot.ticker)
        mark_cancelled(order, reason)
        await session.commit()
