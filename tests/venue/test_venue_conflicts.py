"""Pairs of venue actions that must conflict, one for each key; their outcomes really differ."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from fake_agenda import FakeAgenda

from simharness.core.footprint import Footprint, conflicting
from simharness.venue import Market, OrderRequest, OrderType, Rejected, Rules, Side, Topic, Venue, place_order
from simharness.venue.gateway import OrderName

PERP = "ETH/USDT:USDT"
ONE = Decimal(1)
LIMIT = OrderRequest(PERP, Side.BUY, OrderType.LIMIT, ONE, Decimal(100), client_id="c")
MARKET = OrderRequest(PERP, Side.BUY, OrderType.MARKET, ONE)
STOP = OrderRequest(PERP, Side.SELL, OrderType.STOP_MARKET, ONE, trigger_price=Decimal(90))
Action = Callable[[Venue], object]


def place(request: OrderRequest) -> Action:
    return lambda venue: place_order(venue, request)


def call(name: str, *arguments: object) -> Action:
    return lambda venue: getattr(venue.gateway, name)(*arguments).call()


def engine(name: str, *arguments: object) -> Action:
    return lambda venue: getattr(venue.engine, name)(*arguments)


BY_CLIENT = OrderName(None, "c", PERP)
PAIRS: dict[str, tuple[list[Action], Action, Action]] = {
    "cancel, fill": ([place(LIMIT)], engine("cancel", "o-1"), engine("fill", "o-1", ONE)),
    "cancel, read": ([place(LIMIT)], engine("cancel", "o-1"), call("fetch_order", OrderName("o-1"))),
    "create, open orders": ([], place(LIMIT), call("fetch_open_orders", None)),
    "create, order that is not there yet": ([], place(LIMIT), call("fetch_order", OrderName("o-1"))),
    "create, client id": ([], place(LIMIT), call("fetch_order", BY_CLIENT)),
    "create, same client id": ([], place(LIMIT), place(LIMIT)),
    "create, create": ([], place(LIMIT), place(MARKET)),
    "cancel a stop, pass its price": (
        [place(MARKET), place(STOP)],
        engine("cancel", "o-2"),
        engine("move_price", PERP, Decimal(89)),
    ),
    "place a stop, pass its price": ([place(MARKET)], place(STOP), engine("move_price", PERP, Decimal(89))),
    "market order, price": ([], place(MARKET), engine("move_price", PERP, Decimal(95))),
    "trade, positions": ([], place(MARKET), call("fetch_positions", ())),
    "trade, funding": ([], place(MARKET), engine("fund", PERP, Decimal("0.1"), "x")),
    "trade, balance": ([place(MARKET), engine("move_price", PERP, Decimal(110))], place(
        OrderRequest(PERP, Side.SELL, OrderType.MARKET, ONE)
    ), call("fetch_balance")),
    "trade, ledger": ([], place(MARKET), lambda venue: venue.ledger.sorted()),
    "leverage, positions": ([place(MARKET)], call("set_leverage", PERP, 5), call("fetch_positions", ())),
    "price, ticker": ([], engine("move_price", PERP, Decimal(95)), call("fetch_ticker", PERP)),
    "connect, create": (
        [],
        lambda venue: venue.open_session("late").connect(Topic.ORDERS, lambda frame: None, lambda: None).sent,
        place(LIMIT),
    ),
}  # fmt: skip


def run(prefix: list[Action], *pair: Action) -> tuple[object, list[Footprint]]:
    agenda = FakeAgenda()
    venue = Venue(agenda, [Market(PERP, taker_rate=Decimal("0.01"))], rules=Rules(), prices={PERP: Decimal(100)})
    for action in prefix:
        action(venue)
    answers: list[object] = []

    def attempt(action: Action) -> None:
        try:
            answers.append(action(venue))
        except Rejected as rejected:
            answers.append(rejected.message)

    footprints = [agenda.step(lambda action=action: attempt(action)).footprint for action in pair]
    frames = sorted(event.label for queue in agenda.queues.values() for event in queue)
    return (venue.snapshot(), answers, frames), footprints


@pytest.mark.parametrize("case", PAIRS)
def test_pairs_that_do_not_commute_conflict(case: str) -> None:
    """In either order: the one that comes first may do less than it would have done second."""
    prefix, a, b = PAIRS[case]
    (state, answers, frames), forth = run(prefix, a, b)
    (state_back, answers_back, frames_back), back = run(prefix, b, a)
    assert (state, answers, frames) != (state_back, answers_back[::-1], frames_back)
    assert conflicting(*forth)
    assert conflicting(*back)
