"""Merges what the exchange reports into the rows: in any order, any number of times, with the same result.

Quantities only grow, ended orders stay ended, every stretch of a fill is booked once. Nothing here awaits,
and the caller commits.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from simharness.managers.bots.models import (
    OWN_REASONS,
    Bot,
    BotStatus,
    CancellationReason,
    Order,
    OrderStatus,
)
from simharness.managers.bots.records import book_fill, log_activity, unbooked
from simharness.managers.bots.reports import OrderReport


def apply_report(session: AsyncSession, bot: Bot, order: Order, report: OrderReport) -> None:
    """Bring `order`, and `bot` where the order's end concerns it, up to date with `report`.

    The caller holds the bot's lock.
    """
    if order.exchange_order_id is None:
        order.exchange_order_id = report.exchange_order_id
    book_fill(session, order, report)
    if order.status is OrderStatus.FAILED and report.final_status is not OrderStatus.FAILED:
        _revive(session, bot, order)
    if not order.is_working:
        return
    if report.final_status is OrderStatus.FILLED:
        order.status = OrderStatus.FILLED
        log_activity(session, bot.id, f"Order filled: {order.side} {order.quantity} at {order.price}")
    elif report.final_status is OrderStatus.CANCELLED:
        end_cancelled(session, bot, order)
    elif report.final_status is OrderStatus.FAILED:
        fail(session, bot, order, "Order rejected by the exchange")
    elif order.filled_quantity > 0:
        order.status = OrderStatus.PARTIALLY_FILLED


def tells_news(order: Order, report: OrderReport) -> bool:
    """Return whether `apply_report` would change `order` or its bot."""
    if order.status is OrderStatus.FAILED and report.final_status is not OrderStatus.FAILED:
        return True
    if order.is_working and report.final_status is not None:
        return True
    return unbooked(order, report) > 0


def end_cancelled(session: AsyncSession, bot: Bot, order: Order) -> None:
    """Mark a working order as cancelled; stop the bot unless this program asked for it."""
    order.status = OrderStatus.CANCELLED
    if order.cancellation_reason in OWN_REASONS:
        log_activity(session, bot.id, f"Order cancelled for {order.cancellation_reason.lower()} operation")
        return
    order.cancellation_reason = CancellationReason.MANUAL
    bot.status = BotStatus.STOPPED
    log_activity(session, bot.id, "Order cancelled outside of the bot; bot stopped", "WARNING")


def fail(session: AsyncSession, bot: Bot, order: Order, message: str) -> None:
    """Mark an order that the exchange did not accept, and leave its bot to a human."""
    order.status = OrderStatus.FAILED
    if bot.status is BotStatus.ACTIVE:
        bot.status = BotStatus.ERROR
    log_activity(session, bot.id, message, "ERROR")


def lose(session: AsyncSession, bot: Bot, order: Order) -> None:
    """Mark an order that the exchange does not know (any more)."""
    if order.exchange_order_id is None:
        order.status = OrderStatus.FAILED
        log_activity(session, bot.id, f"Order {order.client_order_id} never reached the exchange", "WARNING")
    elif order.cancellation_reason in OWN_REASONS:
        end_cancelled(session, bot, order)
    else:
        # Filled or cancelled, nobody can say: neither going on nor a silent stop would be right.
        fail(session, bot, order, f"The exchange does not know order {order.exchange_order_id} any more")


def _revive(session: AsyncSession, bot: Bot, order: Order) -> None:
    """Take an order back that was given up for lost and turns out to exist."""
    order.status = OrderStatus.PENDING
    log_activity(session, bot.id, f"Order {order.client_order_id} reached the exchange late", "WARNING")
    if bot.status is not BotStatus.ACTIVE:
        order.cancellation_reason = CancellationReason.STOP
