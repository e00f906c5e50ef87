"""The monitor fires for each rule when the venue is broken on purpose, and is silent on the good one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from fake_agenda import FakeAgenda

from simharness.core import name
from simharness.errors import IllegalVenue
from simharness.venue import (
    ExecType,
    ExecutionReport,
    LegalityMonitor,
    Market,
    Order,
    OrderQuery,
    OrderRequest,
    OrderStatus,
    OrderType,
    Position,
    PositionSide,
    Request,
    Rules,
    Side,
    Topic,
    Trade,
    Venue,
    place_order,
)
from simharness.venue.ledger import EntryKind
from simharness.venue.streams import Connection

ETH, PERP = "ETH/USDT", "ETH/USDT:USDT"
STREAM, REST = name.static("stream of a test"), name.static("rest of a test")
LIMIT = OrderRequest(ETH, Side.BUY, OrderType.LIMIT, Decimal(2), Decimal(100))


def monitor(latency_ns_min: int = 0) -> LegalityMonitor:
    markets = {symbol: Market(symbol, notional_min=Decimal(5)) for symbol in (ETH, PERP)}
    return LegalityMonitor(markets, latency_ns_min)


def order(request: OrderRequest = LIMIT, **changes: object) -> Order:
    fields: dict[str, object] = {"status": OrderStatus.NEW, "version": 1, **changes}
    return replace(Order("o-1", request), **fields)  # type: ignore[arg-type]  # the fields of Order, by name


def trade(quantity: str = "1", price: str = "100", number: int = 1, **changes: object) -> Trade:
    made = Trade(
        f"o-1-t{number}", "o-1", ETH, Side.BUY, Decimal(price), Decimal(quantity), Decimal(0), maker=True, time_ns=0
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the fields of Trade, by name


NEW = ExecutionReport(order(), ExecType.NEW)


def filled(part: Trade, **changes: object) -> ExecutionReport:
    fields = {
        "status": OrderStatus.PARTIALLY_FILLED,
        "version": 2,
        "filled": part.quantity,
        "cost": part.price * part.quantity,
        **changes,
    }
    return ExecutionReport(order(**fields), ExecType.TRADE, part)


def fires(rule: str) -> pytest.RaisesExc[IllegalVenue]:
    return pytest.raises(IllegalVenue, match=f"^{rule}: ")


# I1, reorder, repeat or lose inside one live connection


def test_i1_a_frame_that_overtakes_another() -> None:
    watch = monitor()
    watch.stream_opened(STREAM)
    watch.frame_sent(STREAM, 1, NEW, 0)
    watch.frame_sent(STREAM, 2, filled(trade()), 0)
    with fires("I1"):
        watch.frame_delivered(STREAM, 2, 0)


def test_i1_a_frame_that_arrives_twice() -> None:
    watch = monitor()
    watch.stream_opened(STREAM)
    watch.frame_sent(STREAM, 1, NEW, 0)
    watch.frame_delivered(STREAM, 1, 0)
    with fires("I1"):
        watch.frame_delivered(STREAM, 1, 0)


def test_i1_a_frame_that_is_lost() -> None:
    watch = monitor()
    watch.stream_opened(STREAM)
    watch.frame_sent(STREAM, 1, NEW, 0)
    with fires("I1"):
        watch.quiet()


def test_i1_an_order_that_goes_back_on_a_stream() -> None:
    watch = monitor()
    watch.stream_opened(STREAM)
    watch.frame_sent(STREAM, 1, NEW, 0)
    with fires("I1"):
        watch.frame_sent(STREAM, 2, NEW, 0)


# I2, a trade before NEW


def test_i2_a_trade_that_is_emitted_before_new() -> None:
    with fires("I2"):
        monitor().observe(filled(trade()))


def test_i2_a_trade_that_is_sent_before_new() -> None:
    watch = monitor()
    watch.stream_opened(STREAM)
    watch.observe(NEW)
    with fires("I2"):
        watch.frame_sent(STREAM, 1, filled(trade()), 0)


def test_i2_is_silent_for_an_order_that_is_older_than_the_connection() -> None:
    watch = monitor()
    watch.observe(NEW)
    watch.stream_opened(STREAM)
    watch.frame_sent(STREAM, 1, filled(trade()), 0)


# I3, quantities, states and prices


def test_i3_a_quantity_above_the_order() -> None:
    watch = monitor()
    watch.observe(NEW)
    with fires("I3"):
        watch.observe(filled(trade("3")))


def test_i3_a_quantity_that_falls() -> None:
    watch = monitor()
    watch.observe(NEW)
    watch.observe(filled(trade()))
    with fires("I3"):
        watch.observe(ExecutionReport(order(status=OrderStatus.CANCELED, version=3), ExecType.CANCELED))


def test_i3_a_fill_after_a_final_state() -> None:
    watch = monitor()
    watch.observe(NEW)
    watch.observe(ExecutionReport(order(status=OrderStatus.CANCELED, version=2), ExecType.CANCELED))
    with fires("I3"):
        watch.observe(filled(trade()))


def test_i3_a_fill_worse_than_the_limit() -> None:
    watch = monitor()
    watch.observe(NEW)
    with fires("I3"):
        watch.observe(filled(trade(price="100.01")))


def test_i3_an_order_that_is_filled_and_does_not_say_so() -> None:
    watch = monitor()
    watch.observe(NEW)
    with fires("I3"):
        watch.observe(filled(trade("2")))


# I4, trades


def test_i4_a_trade_id_that_is_used_twice() -> None:
    watch = monitor()
    watch.observe(NEW)
    watch.observe(filled(trade("0.5")))
    with fires("I4"):
        watch.observe(filled(trade("0.5"), filled=Decimal(1), cost=Decimal(100)))


def test_i4_sums_that_do_not_add_up() -> None:
    watch = monitor()
    watch.observe(NEW)
    with fires("I4"):
        watch.observe(filled(trade("0.5"), filled=Decimal(1)))


# I5, the books


def good_venue(**rules: object) -> tuple[FakeAgenda, Venue]:
    agenda = FakeAgenda()
    venue = Venue(
        agenda,
        [Market(ETH, taker_rate=Decimal("0.001")), Market(PERP, taker_rate=Decimal("0.001"))],
        rules=Rules(**rules),  # type: ignore[arg-type]  # the fields of Rules, by name
        prices={ETH: Decimal(100), PERP: Decimal(100)},
    )
    return agenda, venue


def test_i5_a_balance_that_follows_from_nothing() -> None:
    _, venue = good_venue()
    place_order(venue, OrderRequest(ETH, Side.BUY, OrderType.MARKET, Decimal(1)))
    venue.check_quiet()
    venue.engine._store.book(EntryKind.FEE, "USDT", Decimal(1), "thin air")
    with fires("I5"):
        venue.check_quiet()


def test_i5_a_position_that_follows_from_nothing() -> None:
    _, venue = good_venue()
    venue.engine._store.put_position(Position(PERP, quantity=Decimal(1), version=1))
    with fires("I5"):
        venue.check_quiet()


# I6, answers


def test_i6_an_answer_to_nothing() -> None:
    with fires("I6"):
        monitor().answer_delivered(REST, 0)


def test_i6_two_answers() -> None:
    watch = monitor()
    watch.request_issued(REST)
    watch.request_executed(REST)
    watch.request_answered(REST, 0)
    watch.answer_delivered(REST, 0)
    with fires("I6"):
        watch.answer_delivered(REST, 0)


def test_i6_an_answer_before_the_request_arrived() -> None:
    watch = monitor()
    watch.request_issued(REST)
    with fires("I6"):
        watch.request_answered(REST, 0)


def test_i6_a_request_without_an_answer() -> None:
    watch = monitor()
    watch.request_issued(REST)
    with fires("I6"):
        watch.quiet()


# I7, the order's own terms


def test_i7_a_post_only_order_that_takes_liquidity() -> None:
    watch = monitor()
    request = replace(LIMIT, post_only=True)
    watch.observe(ExecutionReport(order(request), ExecType.NEW))
    taken = trade(maker=False)
    report = filled(taken)
    with fires("I7"):
        watch.observe(replace(report, order=replace(report.order, request=request)))


@pytest.mark.parametrize("held", ["0", "1"])
def test_i7_a_reduce_only_order_that_grows_or_turns_a_position(held: str) -> None:
    watch = monitor()
    opening = OrderRequest(PERP, Side.BUY, OrderType.MARKET, Decimal(1))
    if Decimal(held):
        watch.books.traded(order(opening), trade(symbol=PERP))
    closing = replace(opening, side=Side.SELL, quantity=Decimal(3), reduce_only=True)
    with fires("I7"):
        watch.books.traded(order(closing), trade("3", symbol=PERP, side=Side.SELL))


def test_i7_a_long_position_that_turns_short() -> None:
    watch = monitor()
    selling = OrderRequest(PERP, Side.SELL, OrderType.MARKET, Decimal(1), position_side=PositionSide.LONG)
    with fires("I7"):
        watch.books.traded(order(selling), trade(symbol=PERP, side=Side.SELL))


@pytest.mark.parametrize(
    "broken", [{"quantity": Decimal("0.0001")}, {"price": Decimal("0.001")}, {"price": Decimal(1)}]
)
def test_i7_an_order_off_its_filters_is_accepted(broken: dict[str, Decimal]) -> None:
    with fires("I7"):
        monitor().observe(ExecutionReport(order(replace(LIMIT, **broken)), ExecType.NEW))


# I8, streams that are not up


def test_i8_a_frame_before_the_stream_is_up() -> None:
    with fires("I8"):
        monitor().frame_sent(STREAM, 1, NEW, 0)


def test_i8_a_frame_after_the_stream_closed() -> None:
    watch = monitor()
    watch.stream_opened(STREAM)
    watch.frame_sent(STREAM, 1, NEW, 0)
    watch.stream_closed(STREAM)
    with fires("I8"):
        watch.frame_delivered(STREAM, 1, 0)


def test_i8_a_connection_that_drains_sends_nothing_more() -> None:
    watch = monitor()
    watch.stream_opened(STREAM)
    watch.frame_sent(STREAM, 1, NEW, 0)
    watch.stream_drains(STREAM)
    watch.frame_delivered(STREAM, 1, 0)
    with fires("I8"):
        watch.frame_sent(STREAM, 2, filled(trade()), 0)


# I9, time


def test_i9_venue_time_that_goes_back() -> None:
    watch = monitor()
    watch.observe(ExecutionReport(order(updated_ns=5), ExecType.NEW))
    with fires("I9"):
        watch.observe(filled(trade(), updated_ns=4))


# I10, latency


def test_i10_a_frame_earlier_than_its_cause() -> None:
    watch = monitor()
    watch.stream_opened(STREAM)
    with fires("I10"):
        watch.frame_delivered(STREAM, 1, 0)


def test_i10_a_frame_earlier_than_the_latency_allows() -> None:
    watch = monitor(latency_ns_min=10)
    watch.stream_opened(STREAM)
    watch.frame_sent(STREAM, 1, NEW, 100)
    with fires("I10"):
        watch.frame_delivered(STREAM, 1, 109)


def test_i10_an_answer_earlier_than_the_latency_allows() -> None:
    watch = monitor(latency_ns_min=10)
    watch.request_issued(REST)
    watch.request_executed(REST)
    watch.request_answered(REST, 100)
    with fires("I10"):
        watch.answer_delivered(REST, 109)


# I11, reads that never converge


def test_i11_a_read_that_misses_an_open_order() -> None:
    watch = monitor()
    watch.observe(NEW)
    with fires("I11"):
        watch.orders.check_converged([order()], [])


def test_i11_an_order_that_ended_in_silence() -> None:
    watch = monitor()
    watch.observe(NEW)
    with fires("I11"):
        watch.orders.check_converged([order(status=OrderStatus.CANCELED)], [order()])


def test_i11_a_read_that_misses_a_position() -> None:
    """The books follow the trades; a replica that never catches up is caught."""
    agenda, venue = good_venue()
    agenda.step(lambda: place_order(venue, OrderRequest(PERP, Side.BUY, OrderType.MARKET, Decimal(1))))
    venue.monitor.books.check_converged(venue.gateway.fetch_positions(()).call())  # type: ignore[arg-type]  # updates
    with fires("I11"):
        venue.monitor.books.check_converged([])


# A broken venue as a whole, and the good one


def test_a_venue_that_delivers_past_its_queue_is_caught() -> None:
    """The links themselves go through the monitor."""
    agenda, venue = good_venue()
    connection = venue.open_session().connect(Topic.ORDERS, lambda frame: None, lambda: None)
    agenda.step(lambda: place_order(venue, LIMIT))
    agenda.step(lambda: venue.engine.cancel("ethusdt-1"))
    assert isinstance(connection, Connection)
    agenda.queues[connection.process].reverse()
    with fires("I1"):
        agenda.run(connection.process)


@pytest.mark.parametrize("hedge", [False, True])
def test_the_good_venue_is_silent(hedge: bool) -> None:
    """Orders, fills in parts, a stop, funding, a disconnect and a liquidation break no rule."""
    agenda, venue = good_venue(hedge=hedge, mark_updates=True)
    long = PositionSide.LONG if hedge else PositionSide.BOTH
    session = venue.open_session()
    for topic in Topic:
        session.connect(topic, lambda frame: None, lambda: None)
    opening = OrderRequest(PERP, Side.BUY, OrderType.LIMIT, Decimal(2), Decimal(100), position_side=long)
    stop = OrderRequest(
        PERP,
        Side.SELL,
        OrderType.STOP_MARKET,
        Decimal(1),
        trigger_price=Decimal(90),
        position_side=long,
        reduce_only=True,
    )
    for request in (opening, stop, LIMIT):
        session.send(venue.gateway.create_order(request), lambda answer: None)
    venue.offer_fill(OrderQuery(PERP, type=OrderType.LIMIT), ("1/2",), times=2)
    venue.offer_price(PERP, Decimal(89))
    venue.offer_disconnect(Topic.BALANCE)
    venue.offer_liquidation(PERP, long)
    venue.start_funding(PERP, Decimal("0.0001"), 1000, times=1)
    agenda.fire()
    agenda.run_all()
    venue.check_quiet()
    assert venue.trades()
    assert not venue.position(PERP, long).quantity


def test_requests_carry_what_the_venue_does() -> None:
    """A request of one's own goes the same way."""
    agenda, venue = good_venue()
    answers: list[object] = []
    venue.open_session().send(Request("ping", "ping", lambda: "pong"), answers.append)
    assert agenda.run_all() == ["ping", "answer to ping: ok"]
    assert [answer.payload for answer in answers] == ["pong"]  # type: ignore[attr-defined]  # an Answer
