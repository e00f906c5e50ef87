"""Drives a bot to the state that its committed rows ask for.

One loop serves the endpoints, the order events and the restart after a crash: it looks at the last order and the bot's
status and takes the next step. Every step commits first what it is about to do and applies afterwards what came of it,
so that a crash between any two lines leaves rows from which the same loop goes on. The caller holds the bot's lock.
"""

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from simharness.managers.bots.errors import ExchangeUnavailable
from simharness.managers.bots.exchange import (
    BaseError,
    ExchangeClient,
    OrderNotFound,
    outcome_is_unknown,
    wire_number,
)
from simharness.managers.bots.ids import client_order_id
from simharness.managers.bots.models import Bot, BotStatus, Order, OrderStatus
from simharness.managers.bots.records import log_activity, next_order
from simharness.managers.bots.reports import OrderReport
from simharness.managers.bots.retry import RetryPlan
from simharness.managers.bots.write_ahead.merge import apply_report, fail, lose


class BotDriver:
    """Takes the steps of one bot at the exchange, within one turn.

    Args:
        exchange: where the orders are.
        retry: the patience with an exchange that does not answer.
        session: of the turn; its rows are the ones that are driven.

    Attributes:
        driven: the orders that this turn brought up to date.
    """

    def __init__(self, exchange: ExchangeClient, retry: RetryPlan, session: AsyncSession) -> None:
        self._exchange = exchange
        self._retry = retry
        self._session = session
        self.driven: list[Order] = []

    async def converge(self, bot: Bot, order: Order | None) -> None:
        """Make the exchange agree with `bot`, whose last order is `order`, and commit.

        Raises:
            ExchangeUnavailable: an outcome could not be learned; the intent is committed and can be taken up again.
        """
        lost = 0
        while True:
            if order is not None and order not in self.driven:
                self.driven.append(order)
            if order is not None and order.is_working:
                if order.exchange_order_id is None:
                    await self.verify(bot, order)
                    lost += order.status is OrderStatus.FAILED
                elif order.cancellation_reason is not None:
                    await self.cancel(bot, order)
                else:
                    break
            elif bot.status is not BotStatus.ACTIVE:
                break
            elif lost >= self._retry.lost_orders_max:
                bot.status = BotStatus.ERROR
                log_activity(self._session, bot.id, "Orders do not reach the exchange; bot halted", "ERROR")
            else:
                order = await self._place(bot, order)
        await self._session.commit()

    async def verify(self, bot: Bot, order: Order) -> None:
        """Ask the exchange what became of an order and apply the answer; the caller commits.

        Raises:
            ExchangeUnavailable: there was no answer.
        """
        report = await self._look_up(bot, order)
        if report is None:
            lose(self._session, bot, order)
        else:
            apply_report(self._session, bot, order, report)
        if order.is_working and order.exchange_order_id is None:
            raise ExchangeUnavailable(f"the exchange does not name order {order.client_order_id}")

    async def cancel(self, bot: Bot, order: Order) -> None:
        """Cancel an order whose reason is set, until the exchange says how it ended; the caller commits.

        A cancel that comes too late is no error: the order filled, and the fill is applied instead.

        Raises:
            ExchangeUnavailable: the exchange did not say whether the order has ended.
        """
        for pause_s in (*self._retry.delays_s, None):
            report: OrderReport | None
            await self._session.commit()  # the reason is public before the exchange acts on it
            try:
                report = OrderReport.from_ccxt(
                    await self._exchange.cancel_order(order.exchange_order_id or "", bot.ticker)
                )
            except BaseError:
                # Refused, already gone, or unknown: only the order itself can tell.
                report = None
            if report is not None and report.settles:
                apply_report(self._session, bot, order, report)
            else:
                await self.verify(bot, order)
            if not order.is_working:
                return
            if pause_s is not None:
                await self._session.commit()
                await asyncio.sleep(pause_s)
        raise ExchangeUnavailable(f"order {order.exchange_order_id} of bot {bot.id} does not end")

    async def _place(self, bot: Bot, previous: Order | None) -> Order:
        """Send the next order; its row may still lack an exchange order id when the outcome is unknown."""
        order = next_order(bot, previous)
        order.client_order_id = client_order_id(bot.id, previous.id if previous else None)
        self._session.add(order)
        await self._session.commit()  # the row exists, findable by its client order id, before the order does
        try:
            answer = await self._exchange.create_order(
                bot.ticker,
                "limit",
                order.side.value,
                wire_number(order.quantity),
                wire_number(order.price),
                {"clientOrderId": order.client_order_id},
            )
        except BaseError as error:
            if not outcome_is_unknown(error):
                fail(self._session, bot, order, f"Order refused by the exchange: {error}")
            return order
        apply_report(self._session, bot, order, OrderReport.from_ccxt(answer))
        return order

    async def _look_up(self, bot: Bot, order: Order) -> OrderReport | None:
        """Return the exchange's view of an order, None if it does not know the order.

        Not found is believed only after the last attempt, because order queries lag behind the orders.
        """
        await self._session.commit()  # no transaction stays open while the exchange is asked
        error: BaseError | None = None
        for pause_s in (0.0, *self._retry.delays_s):
            if pause_s:
                await asyncio.sleep(pause_s)
            try:
                return OrderReport.from_ccxt(await self._fetch(bot, order))
            except BaseError as caught:
                error = caught
        if isinstance(error, OrderNotFound):
            return None
        raise ExchangeUnavailable(f"the state of order {order.client_order_id} is unknown: {error}") from error

    async def _fetch(self, bot: Bot, order: Order) -> dict[str, object]:
        if order.exchange_order_id is not None:
            return await self._exchange.fetch_order(order.exchange_order_id, bot.ticker)
        return await self._exchange.fetch_order("", bot.ticker, {"clientOrderId": order.client_order_id})
