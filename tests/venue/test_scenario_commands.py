"""What a scenario lets the venue do of its own accord."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fake_agenda import FakeAgenda

from simharness.core.footprint import EMPTY
from simharness.core.time import ManualClock
from simharness.errors import ScenarioError
from simharness.venue import (
    Market,
    OrderQuery,
    OrderRequest,
    OrderStatus,
    OrderType,
    Rejected,
    Rules,
    Side,
    Venue,
    place_order,
)

ETH, BTC, PERP = "ETH/USDT", "BTC/USDT", "ETH/USDT:USDT"
BUY = OrderRequest(ETH, Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(100))
SELL = OrderRequest(ETH, Side.SELL, OrderType.LIMIT, Decimal(1), Decimal(110))


def stage(*symbols: str) -> tuple[FakeAgenda, Venue]:
    agenda = FakeAgenda()
    return agenda, Venue(agenda, [Market(symbol) for symbol in symbols or (ETH,)], rules=Rules())


def status(venue: Venue, order_id: str = "o-1") -> OrderStatus:
    order = venue.order(order_id)
    assert order is not None
    return order.status


def test_a_fill_waits_for_its_order() -> None:
    """It is disabled until somebody has placed it, and then possible at any moment."""
    agenda, venue = stage()
    venue.offer_fill("o-1")
    assert not agenda.ready()
    place_order(venue, BUY)
    agenda.run_labelled("fill o-1")
    assert status(venue) is OrderStatus.FILLED


def test_a_fill_of_a_final_order_does_nothing() -> None:
    """It lost the race."""
    agenda, venue = stage()
    venue.offer_fill("o-1")
    place_order(venue, BUY)
    venue.engine.cancel("o-1")
    ran = agenda.run_labelled("fill o-1")
    assert not venue.trades()
    assert not ran.footprint.writes
    assert ran.footprint != EMPTY


@pytest.mark.parametrize(("value", "filled"), [(0, "1"), (1, "0.5"), (2, "0.3")])
def test_how_much_fills_is_a_choice(value: int, filled: str) -> None:
    """Everything, a fraction, or a number."""
    agenda, venue = stage()
    place_order(venue, BUY)
    process = venue.offer_fill("o-1", ("all", "1/2", "0.3"))
    agenda.run(process, value)
    assert venue.orders()[0].filled == Decimal(filled)


def test_several_fills_come_one_after_another() -> None:
    """Each takes its part of what remains."""
    agenda, venue = stage()
    place_order(venue, BUY)
    venue.offer_fill("o-1", ("1/2",), times=3)
    agenda.run_all()
    assert [trade.quantity for trade in venue.trades()] == [Decimal("0.5"), Decimal("0.25"), Decimal("0.125")]


def test_a_quantity_that_means_nothing_is_the_scenarios_fault() -> None:
    """It says what may stand there."""
    agenda, venue = stage()
    place_order(venue, BUY)
    process = venue.offer_fill("o-1", ("half",))
    with pytest.raises(ScenarioError, match="write all, a fraction"):
        agenda.run(process)


def test_an_order_can_be_named_before_it_exists() -> None:
    """By symbol, side, type, and the how-manyeth it will be."""
    agenda, venue = stage(ETH, BTC)
    query = OrderQuery(ETH, side=Side.BUY, nth=2)
    process = venue.offer_fill(query)
    for request in (BUY, SELL):
        place_order(venue, request)
    assert not agenda.ready()
    place_order(venue, BUY)
    agenda.run(process)
    assert [order.filled for order in venue.orders(ETH)] == [0, 0, 1]
    assert str(query) == "ETH/USDT order 2 buy"


def test_order_ids_count_per_symbol() -> None:
    """So an order of one symbol does not rename one of another."""
    _, venue = stage(ETH, BTC)
    place_order(venue, BUY)
    order = place_order(venue, OrderRequest(BTC, Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(9)))
    assert order is not None
    assert [each.id for each in venue.orders()] == ["btcusdt-1", "ethusdt-1"]


def test_a_spot_and_a_perpetual_market_of_one_pair_have_different_ids() -> None:
    """Their market ids are the same."""
    _, venue = stage(ETH, PERP)
    place_order(venue, BUY)
    place_order(venue, OrderRequest(PERP, Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(9)))
    assert [each.id for each in venue.orders()] == ["ethusdt-1", "ethusdt-usdt-1"]
    assert venue.order("ethusdt-usdt-1") == venue.orders(PERP)[0]


def test_an_order_cancelled_by_hand_says_so() -> None:
    """The bot did not ask for it."""
    agenda, venue = stage()
    venue.offer_cancel("o-1")
    place_order(venue, BUY)
    agenda.run_labelled("cancel o-1 by hand")
    assert (status(venue), venue.orders()[0].reason) == (OrderStatus.CANCELED, "by hand")


def test_an_order_can_be_placed_by_hand() -> None:
    """Past every client; a refused one is nothing."""
    agenda, venue = stage()
    venue.offer_order(BUY)
    venue.offer_order(OrderRequest(ETH, Side.BUY, OrderType.MARKET, Decimal(1)))
    agenda.run_all()
    assert len(venue.open_orders()) == 1


def test_prices_move_in_the_order_given() -> None:
    """One event each."""
    agenda, venue = stage()
    process = venue.offer_price(ETH, Decimal(101), Decimal(102))
    agenda.run(process)
    assert venue.price(ETH) == 101
    agenda.run(process)
    assert venue.price(ETH) == 102


def test_a_price_path_runs_in_virtual_time() -> None:
    """As a simpy process on the one clock."""
    agenda, venue = stage()
    venue.start_price_path(ETH, [(5, Decimal(101)), (7, Decimal(102))])
    assert agenda.fire().label == "price path of ETH/USDT"
    assert (venue.price(ETH), agenda.clock.now_ns) == (101, 5)
    agenda.fire()
    assert (venue.price(ETH), agenda.clock.now_ns) == (102, 12)


def test_a_price_off_its_tick_is_refused_before_anything_starts() -> None:
    """The scenario hears of it at once."""
    _, venue = stage()
    with pytest.raises(Rejected):
        venue.start_price_path(ETH, [(5, Decimal("0.001"))])
    with pytest.raises(Rejected):
        venue.offer_price(ETH, Decimal("0.001"))


def test_funding_is_booked_as_often_as_it_should() -> None:
    """Each time once."""
    agenda, venue = stage(PERP)
    venue.engine.move_price(PERP, Decimal(100))
    place_order(venue, OrderRequest(PERP, Side.BUY, OrderType.MARKET, Decimal(1)))
    venue.start_funding(PERP, Decimal("0.01"), 10, times=2)
    agenda.fire()
    agenda.fire()
    assert not agenda.timers
    assert venue.balance("USDT") == -2
    venue.check_quiet()


def test_processes_of_the_venue_need_its_clock() -> None:
    """Another clock would be a second time."""
    agenda, venue = stage()
    agenda.clock = ManualClock()  # type: ignore[assignment]  # the wrong clock is the point
    with pytest.raises(TypeError, match="VenueClock"):
        venue.start_price_path(ETH, [(1, Decimal(1))])
