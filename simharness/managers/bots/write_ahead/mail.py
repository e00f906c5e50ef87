"""Reports about bots that somebody has the turn of: kept until the turn is over, and dropped if it knew all that."""

from collections.abc import Iterable

from simharness.managers.bots.models import Order
from simharness.managers.bots.reports import OrderReport
from simharness.managers.bots.write_ahead.merge import tells_news


class Mail:
    """By bot, what was reported and not applied.

    The answers of the exchange tell a turn most of what the order stream says about its orders a little later. Such
    reports need no turn of their own: they are compared with the orders as the turn committed them.
    """

    def __init__(self) -> None:
        self._reports: dict[int, list[OrderReport]] = {}
        self._known: dict[int, dict[str, Order]] = {}

    def __len__(self) -> int:
        return len(self._reports)

    def __contains__(self, bot_id: int) -> bool:
        """Whether there is anything about a bot."""
        return bot_id in self._reports

    def post(self, bot_id: int, reports: Iterable[OrderReport]) -> None:
        """Keep reports, in the order of delivery."""
        self._reports.setdefault(bot_id, []).extend(reports)

    def take(self, bot_id: int) -> list[OrderReport]:
        """Remove and return what was kept for a bot."""
        return self._reports.pop(bot_id, [])

    def learn(self, bot_id: int, orders: Iterable[Order]) -> None:
        """Take note of orders as they are committed now; nobody else may change them before `sort` is called."""
        known = self._known.setdefault(bot_id, {})
        known.update({order.exchange_order_id: order for order in orders if order.exchange_order_id is not None})

    def sort(self, bot_id: int) -> bool:
        """Drop what tells nothing new about the learned orders, forget these, and return whether anything is left."""
        known = self._known.pop(bot_id, {})
        reports = [report for report in self.take(bot_id) if _is_news(known, report)]
        if reports:
            self.post(bot_id, reports)
        return bool(reports)


def _is_news(known: dict[str, Order], report: OrderReport) -> bool:
    order = known.get(report.exchange_order_id or "")
    return order is None or tells_news(order, report)
