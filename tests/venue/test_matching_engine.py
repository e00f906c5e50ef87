"""What the venue accepts, refuses, fills, triggers and books."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from fake_agenda import FakeAgenda

from simharness.venue import (
    EntryKind,
    ExecutionReport,
    Market,
    OrderRequest,
    OrderStatus,
    OrderType,
    PositionSide,
    PositionUpdate,
    Refusal,
    Rejected,
    Rules,
    Side,
    TimeInForce,
    Topic,
    Venue,
    VenueEvent,
)
from simharness.venue.engine import split

ETH, PERP = "ETH/USDT", "ETH/USDT:USDT"
ONE, TWO = Decimal(1), Decimal(2)
LIMIT = OrderRequest(ETH, Side.BUY, OrderType.LIMIT, ONE, Decimal(100))
MARKET = OrderRequest(ETH, Side.BUY, OrderType.MARKET, ONE)
OPEN = OrderRequest(PERP, Side.BUY, OrderType.MARKET, ONE)
CLOSE = replace(OPEN, side=Side.SELL, reduce_only=True)
STOP = OrderRequest(PERP, Side.SELL, OrderType.STOP_MARKET, ONE, trigger_price=Decimal(90), reduce_only=True)


def venue_of(symbol: str, *, balances: dict[str, Decimal] | None = None, **rules: object) -> Venue:
    rate = Decimal("0.001")
    return Venue(
        FakeAgenda(),
        [Market(symbol, taker_rate=rate)],
        rules=Rules(finite=balances is not None, **rules),  # type: ignore[arg-type]  # the fields of Rules, by name
        prices={symbol: Decimal(100)},
        balances=balances,
    )


def refusal(venue: Venue, request: OrderRequest) -> Refusal | None:
    try:
        venue.engine.submit(request)
    except Rejected as rejected:
        return rejected.refusal
    return None


# Spot


def test_a_limit_order_rests() -> None:
    order = venue_of(ETH).engine.submit(LIMIT)
    assert (order.id, order.status, order.filled) == ("o-1", OrderStatus.NEW, 0)


def test_a_market_order_trades_at_the_price() -> None:
    venue = venue_of(ETH)
    order = venue.engine.submit(MARKET)
    assert (order.status, order.average, order.fee) == (OrderStatus.FILLED, Decimal(100), Decimal("0.1"))
    assert (venue.balance("ETH"), venue.balance("USDT")) == (ONE, Decimal("-100.1"))


def test_a_market_order_without_a_price_is_refused() -> None:
    venue = Venue(FakeAgenda(), [Market(ETH)])
    assert refusal(venue, MARKET) is Refusal.INVALID_ORDER


@pytest.mark.parametrize(
    "request_",
    [
        replace(LIMIT, quantity=Decimal("0.0001")),
        replace(LIMIT, price=Decimal("0.001")),
        replace(LIMIT, price=None),
        replace(MARKET, price=Decimal(1)),
        replace(LIMIT, reduce_only=True),
        replace(LIMIT, position_side=PositionSide.LONG),
        replace(STOP, symbol=ETH, reduce_only=False, trigger_price=None),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_happens(request_: OrderRequest) -> None:
    venue = venue_of(ETH)
    assert refusal(venue, request_) is Refusal.INVALID_ORDER
    assert not venue.orders()


def test_an_unknown_market_is_refused() -> None:
    assert refusal(venue_of(ETH), replace(LIMIT, symbol="X/Y")) is Refusal.BAD_SYMBOL


def test_a_client_id_belongs_to_one_open_order() -> None:
    venue = venue_of(ETH)
    named = replace(LIMIT, client_id="mine")
    venue.engine.submit(named)
    assert refusal(venue, named) is Refusal.DUPLICATE_CLIENT_ID
    venue.engine.cancel("o-1")
    assert refusal(venue, named) is None
    assert venue.order_of_client(ETH, "mine") == venue.order("o-2")


@pytest.mark.parametrize(("price", "expected"), [(99, None), (100, Refusal.WOULD_TAKE), (101, Refusal.WOULD_TAKE)])
def test_a_post_only_order_never_takes(price: int, expected: Refusal | None) -> None:
    assert refusal(venue_of(ETH), replace(LIMIT, price=Decimal(price), post_only=True)) is expected


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
@pytest.mark.parametrize(("price", "expected"), [(99, OrderStatus.EXPIRED), (100, OrderStatus.FILLED)])
def test_an_order_that_must_not_rest_fills_or_expires(tif: TimeInForce, price: int, expected: OrderStatus) -> None:
    order = venue_of(ETH).engine.submit(replace(LIMIT, price=Decimal(price), time_in_force=tif))
    assert order.status is expected


def test_a_fill_never_exceeds_what_remains() -> None:
    venue = venue_of(ETH)
    venue.engine.submit(LIMIT)
    trade = venue.engine.fill("o-1", Decimal(5))
    assert trade is not None
    assert trade.quantity == ONE
    assert venue.engine.fill("o-1", ONE) is None


def test_a_fill_worse_than_the_limit_is_refused() -> None:
    venue = venue_of(ETH)
    venue.engine.submit(LIMIT)
    with pytest.raises(Rejected, match="worse than the limit"):
        venue.engine.fill("o-1", ONE, Decimal(101))


@pytest.mark.parametrize("event", ["cancel", "fill"])
def test_a_final_order_cannot_be_cancelled(event: str) -> None:
    venue = venue_of(ETH)
    venue.engine.submit(LIMIT)
    if event == "cancel":
        venue.engine.cancel("o-1")
    else:
        venue.engine.fill("o-1", ONE)
    with pytest.raises(Rejected) as caught:
        venue.engine.cancel("o-1")
    assert caught.value.refusal is Refusal.ORDER_NOT_FOUND


def test_a_cancelled_order_keeps_what_it_filled() -> None:
    venue = venue_of(ETH)
    venue.engine.submit(LIMIT)
    venue.engine.fill("o-1", Decimal("0.4"))
    order = venue.engine.cancel("o-1")
    assert (order.status, order.filled, venue.balance("ETH")) == (
        OrderStatus.CANCELED,
        Decimal("0.4"),
        Decimal("0.4"),
    )


def test_an_account_with_finite_balances_needs_funds() -> None:
    venue = venue_of(ETH, balances={"USDT": Decimal(150)})
    assert refusal(venue, LIMIT) is None
    assert refusal(venue, LIMIT) is Refusal.INSUFFICIENT_FUNDS
    assert refusal(venue, replace(LIMIT, side=Side.SELL)) is Refusal.INSUFFICIENT_FUNDS
    venue.engine.cancel("o-1")
    assert refusal(venue, LIMIT) is None


def test_everything_booked_has_its_cause() -> None:
    venue = venue_of(ETH, balances={"USDT": Decimal(150)})
    venue.engine.submit(MARKET)
    assert [(entry.kind, entry.asset, entry.amount, entry.cause) for entry in venue.ledger.sorted()] == [
        (EntryKind.FEE, "USDT", Decimal("-0.100"), "o-1-t1"),
        (EntryKind.TRADE, "ETH", ONE, "o-1-t1"),
        (EntryKind.TRADE, "USDT", Decimal(-100), "o-1-t1"),
        (EntryKind.DEPOSIT, "USDT", Decimal(150), "opening"),
    ]
    assert venue.ledger.total("USDT") == venue.balance("USDT")


def test_nothing_is_booked_twice() -> None:
    ledger = venue_of(ETH).ledger
    ledger.book(EntryKind.FEE, "USDT", ONE, "o-1-t1")
    with pytest.raises(ValueError, match="booked twice"):
        ledger.book(EntryKind.FEE, "USDT", ONE, "o-1-t1")


@pytest.mark.parametrize(
    ("way", "parts"), [("1", ["1"]), ("1/2+1/2", ["0.5", "0.5"]), ("1/3+1/3+1/3", ["0.3", "0.3", "0.4"])]
)
def test_a_market_order_fills_in_the_ways_that_the_rules_allow(way: str, parts: list[str]) -> None:
    assert split(ONE, way, Decimal("0.1")) == [Decimal(part) for part in parts]


@pytest.mark.parametrize("way", ["1/2", "1/2+1", "2-1", "3/2+-1/2"])
def test_a_split_that_is_not_one_is_an_error(way: str) -> None:
    with pytest.raises(ValueError, match=r"split|Fraction"):
        split(ONE, way, Decimal("0.1"))


@pytest.mark.parametrize(("value", "trades"), [(0, 1), (1, 2)])
def test_how_a_market_order_splits_is_a_choice(value: int, trades: int) -> None:
    venue = venue_of(ETH, market_fills=("1", "1/2+1/2"))
    agenda = venue._agenda
    assert isinstance(agenda, FakeAgenda)
    agenda.step(lambda: venue.engine.submit(MARKET), value)
    assert len(venue.trades()) == trades


def test_a_market_order_may_fill_later() -> None:
    venue = venue_of(ETH, market_fills=("later",))
    agenda = venue._agenda
    assert isinstance(agenda, FakeAgenda)
    agenda.step(lambda: venue.engine.submit(MARKET))
    assert not venue.trades()
    agenda.run_labelled("fill o-1")
    assert venue.trades()


def test_without_timestamps_everything_carries_the_epoch() -> None:
    venue = venue_of(ETH, timestamps=False)
    venue._agenda.clock.advance_to(5)
    assert venue.engine.submit(LIMIT).created_ns == venue.rules.epoch_ns


# Derivatives


def test_a_trade_opens_a_position_and_a_reduce_only_order_closes_it() -> None:
    venue = venue_of(PERP)
    venue.engine.submit(OPEN)
    venue.engine.move_price(PERP, Decimal(110))
    venue.engine.submit(CLOSE)
    assert (venue.position(PERP).quantity, venue.position(PERP).realized) == (0, 10)
    assert venue.balance("USDT") == 10 - Decimal("0.1") - Decimal("0.11")


def test_a_reduce_only_order_needs_something_to_reduce() -> None:
    assert refusal(venue_of(PERP), CLOSE) is Refusal.NOT_REDUCING


def test_a_reduce_only_order_stops_at_flat() -> None:
    venue = venue_of(PERP)
    venue.engine.submit(OPEN)
    order = venue.engine.submit(replace(CLOSE, quantity=TWO))
    assert (order.filled, order.status, order.reason) == (ONE, OrderStatus.EXPIRED, "nothing left to reduce")
    assert not venue.position(PERP).quantity


@pytest.mark.parametrize(
    ("request_", "price", "triggered"),
    [
        (STOP, 91, False),
        (STOP, 90, True),
        (replace(STOP, side=Side.BUY, reduce_only=False, trigger_price=Decimal(110)), 110, True),
        (replace(STOP, type=OrderType.TAKE_PROFIT_MARKET, trigger_price=Decimal(110)), 109, False),
        (replace(STOP, type=OrderType.TAKE_PROFIT_MARKET, trigger_price=Decimal(110)), 110, True),
    ],
)
def test_a_conditional_order_triggers_at_its_price(request_: OrderRequest, price: int, triggered: bool) -> None:
    venue = venue_of(PERP)
    venue.engine.submit(OPEN)
    assert venue.engine.submit(request_).status is OrderStatus.UNTRIGGERED
    venue.engine.move_price(PERP, Decimal(price))
    assert venue.orders()[1].status is (OrderStatus.FILLED if triggered else OrderStatus.UNTRIGGERED)


def test_a_gap_goes_through_the_stop() -> None:
    venue = venue_of(PERP)
    venue.engine.submit(OPEN)
    venue.engine.submit(STOP)
    venue.engine.move_price(PERP, Decimal(70))
    assert venue.position(PERP).realized == Decimal(-30)


def test_a_stop_without_a_position_expires_when_it_triggers() -> None:
    venue = venue_of(PERP)
    venue.engine.submit(STOP)
    venue.engine.move_price(PERP, Decimal(90))
    order = venue.order("o-1")
    assert order is not None
    assert order.status is OrderStatus.EXPIRED


def test_a_stop_that_would_trigger_at_once_is_refused() -> None:
    assert refusal(venue_of(PERP), replace(STOP, trigger_price=Decimal(100))) is Refusal.WOULD_TRIGGER


def test_a_cancelled_stop_does_not_trigger() -> None:
    venue = venue_of(PERP)
    venue.engine.submit(OPEN)
    venue.engine.submit(STOP)
    venue.engine.cancel("o-2")
    venue.engine.move_price(PERP, Decimal(80))
    assert venue.position(PERP).quantity == ONE


def test_longs_pay_funding_to_shorts() -> None:
    venue = venue_of(PERP)
    venue.engine.submit(OPEN)
    before = venue.balance("USDT")
    venue.engine.fund(PERP, Decimal("0.01"), "noon")
    assert venue.balance("USDT") - before == Decimal(-1)


def test_hedge_mode_keeps_two_positions() -> None:
    venue = venue_of(PERP, hedge=True)
    venue.engine.submit(replace(OPEN, position_side=PositionSide.LONG))
    venue.engine.submit(replace(OPEN, side=Side.SELL, quantity=TWO, position_side=PositionSide.SHORT))
    assert [position.quantity for position in venue.positions()] == [ONE, -TWO]
    venue.engine.submit(replace(OPEN, side=Side.SELL, quantity=TWO, position_side=PositionSide.LONG))
    assert [position.quantity for position in venue.positions()] == [0, -TWO]


@pytest.mark.parametrize(
    ("hedge", "side"), [(True, PositionSide.BOTH), (False, PositionSide.LONG), (False, PositionSide.SHORT)]
)
def test_the_position_side_must_fit_the_mode(hedge: bool, side: PositionSide) -> None:
    assert refusal(venue_of(PERP, hedge=hedge), replace(OPEN, position_side=side)) is Refusal.INVALID_ORDER


def test_margin_depends_on_leverage() -> None:
    venue = venue_of(PERP, balances={"USDT": Decimal(60)})
    assert refusal(venue, OPEN) is Refusal.INSUFFICIENT_FUNDS
    venue.gateway.set_leverage(PERP, 2).call()
    assert refusal(venue, OPEN) is None


@pytest.mark.parametrize("leverage", [0, 126])
def test_leverage_has_bounds(leverage: int) -> None:
    with pytest.raises(Rejected):
        venue_of(PERP).gateway.set_leverage(PERP, leverage).call()


def events_of(venue: Venue, *topics: Topic) -> list[VenueEvent]:
    events: list[VenueEvent] = []
    for topic in topics:
        venue.open_session().connect(topic, events.append, lambda: None)
    return events


def test_position_updates_carry_a_growing_sequence() -> None:
    venue = venue_of(PERP, mark_updates=True)
    events = events_of(venue, Topic.POSITIONS)
    venue.engine.submit(OPEN)
    venue.engine.move_price(PERP, Decimal(105))
    venue.engine.announce_position(PERP, PositionSide.BOTH)
    venue.engine.submit(CLOSE)
    assert isinstance(venue._agenda, FakeAgenda)
    venue._agenda.run_all()
    updates = [event for event in events if isinstance(event, PositionUpdate)]
    assert [(u.sequence, u.quantity, u.mark_price) for u in updates] == [
        (1, ONE, Decimal(100)),
        (2, ONE, Decimal(105)),
        (3, ONE, Decimal(105)),
        (4, 0, Decimal(105)),
    ]


def test_a_liquidation_closes_the_position_with_an_order_of_the_venue() -> None:
    venue = venue_of(PERP)
    events = events_of(venue, Topic.ORDERS)
    venue.engine.submit(OPEN)
    venue.engine.liquidate(PERP, PositionSide.BOTH)
    assert venue.engine.liquidate(PERP, PositionSide.BOTH) is None
    assert isinstance(venue._agenda, FakeAgenda)
    venue._agenda.run_all()
    assert not venue.position(PERP).quantity
    assert [event.text for event in events if isinstance(event, ExecutionReport)][2:] == [
        "new o-2",
        "filled o-2 +1 at 100",
    ]
