"""Reports that come while a bot is being changed: which of them need a turn of their own."""

from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from simharness.managers.bots.models import WORKING, Bot, BotStatus, CancellationReason, Order, OrderStatus
from simharness.managers.bots.reports import OrderReport
from simharness.managers.bots.write_ahead.mail import Mail
from simharness.managers.bots.write_ahead.merge import apply_report, tells_news

FINAL = (None, OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.FAILED)


def order(status: OrderStatus, filled: int, reason: CancellationReason | None = None) -> Order:
    return Order(
        id=1, bot_id=1, exchange_order_id="o1", client_order_id="bot1-1", side="buy", price=Decimal(100),
        quantity=Decimal(2), filled_quantity=Decimal(filled), filled_cost=Decimal(100 * filled), status=status,
        cancellation_reason=reason,
    )  # fmt: skip


def report(final: OrderStatus | None = None, filled: int | None = None, order_id: str = "o1") -> OrderReport:
    return OrderReport(order_id, None, final, None if filled is None else Decimal(filled), None)


def values(*rows: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in vars(row).items() if not name.startswith("_")} for row in rows]


@pytest.mark.parametrize("status", OrderStatus)
def test_what_tells_no_news_changes_nothing_when_it_is_applied(status: OrderStatus) -> None:
    """And what does, changes something: neither is a fill lost nor a turn wasted."""
    possible = {OrderStatus.FILLED: (2,), OrderStatus.PARTIALLY_FILLED: (1,), OrderStatus.PENDING: (0,)}
    for filled, final, reported, reason in product(
        possible.get(status, (0, 1, 2)), FINAL, (None, 0, 1, 2), (None, CancellationReason.UPDATE)
    ):
        row, said, session = order(status, filled, reason), report(final, reported), AsyncSession()
        bot = Bot(id=1, status=BotStatus.ACTIVE)
        before = values(row, bot)
        expected = tells_news(row, said)
        apply_report(session, bot, row, said)
        assert (values(row, bot) != before or bool(session.sync_session.new)) == expected, (filled, said)


def test_only_news_is_left_after_a_turn() -> None:
    mail = Mail()
    mail.post(1, [report(OrderStatus.CANCELLED), report(filled=1), report(order_id="o2")])
    mail.learn(1, [order(OrderStatus.CANCELLED, 1)])
    assert mail.sort(1)
    assert mail.take(1) == [report(order_id="o2")]
    assert 1 not in mail


def test_a_turn_that_learned_everything_leaves_no_mail() -> None:
    mail = Mail()
    mail.post(1, [report(OrderStatus.FILLED, 2)])
    mail.learn(1, [order(OrderStatus.FILLED, 2)])
    assert not mail.sort(1)
    assert len(mail) == 0


def test_what_was_learned_counts_for_one_turn_only() -> None:
    mail = Mail()
    mail.learn(1, [order(OrderStatus.FILLED, 2)])
    assert not mail.sort(1)
    mail.post(1, [report(OrderStatus.FILLED, 2)])
    assert mail.sort(1)


def test_a_working_order_that_ended_is_always_news() -> None:
    assert all(tells_news(order(status, 0), report(final)) for status in WORKING for final in FINAL[1:])
