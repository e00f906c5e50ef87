"""The order state machine: one table, and one function that follows it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simharness.errors import IllegalVenue
from simharness.venue import Market, Order, OrderRequest, OrderStatus, OrderType, Side, Trade
from simharness.venue.order import TRANSITIONS, OrderEvent, advance
from simharness.venue.refusal import Refusal, Rejected

REQUEST = OrderRequest("ETH/USDT", Side.BUY, OrderType.LIMIT, Decimal(10), Decimal(100))


def trade(quantity: int, number: int = 1) -> Trade:
    return Trade(
        f"o-1-t{number}",
        "o-1",
        "ETH/USDT",
        Side.BUY,
        Decimal(100),
        Decimal(quantity),
        Decimal(0),
        maker=True,
        time_ns=0,
    )


def order(status: OrderStatus, filled: int = 0) -> Order:
    return Order("o-1", REQUEST, status=status, filled=Decimal(filled), cost=Decimal(filled) * 100)


@given(status=st.sampled_from(list(OrderStatus)), event=st.sampled_from(list(OrderEvent)))
def test_an_event_outside_the_table_is_illegal(status: OrderStatus, event: OrderEvent) -> None:
    """The table decides, for every pair of state and event."""
    execution = {OrderEvent.FILL_PART: trade(1), OrderEvent.FILL_REST: trade(10)}.get(event)
    if (status, event) in TRANSITIONS:
        assert advance(order(status), event, trade=execution).status is TRANSITIONS[status, event]
    else:
        with pytest.raises(IllegalVenue, match="cannot"):
            advance(order(status), event, trade=execution)


@pytest.mark.parametrize("status", [s for s in OrderStatus if s.final])
def test_final_states_have_no_way_out(status: OrderStatus) -> None:
    """FILLED, CANCELED, EXPIRED and REJECTED are final."""
    assert not [event for state, event in TRANSITIONS if state is status]


@given(parts=st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_fills_sum_up_to_what_the_order_says(parts: list[int]) -> None:
    """Quantity and cost are sums over the trades, and the order is filled exactly when nothing remains."""
    current = order(OrderStatus.NEW)
    for number, part in enumerate(parts, 1):
        quantity = min(Decimal(part), current.remaining)
        if not current.working:
            break
        event = OrderEvent.FILL_REST if quantity == current.remaining else OrderEvent.FILL_PART
        current = advance(current, event, trade=trade(int(quantity), number))
        assert current.filled == sum(t.quantity for t in current.trades)
        assert current.cost == sum(t.quantity * t.price for t in current.trades)
    assert (current.status is OrderStatus.FILLED) == (current.remaining == 0)


@pytest.mark.parametrize(
    ("event", "quantity"), [(OrderEvent.FILL_PART, 10), (OrderEvent.FILL_REST, 9), (OrderEvent.FILL_PART, 11)]
)
def test_a_fill_that_does_not_fit_its_event_is_illegal(event: OrderEvent, quantity: int) -> None:
    """No overfill, and a partial fill leaves something."""
    with pytest.raises(IllegalVenue, match="leaves"):
        advance(order(OrderStatus.NEW), event, trade=trade(quantity))


def test_a_fill_without_a_trade_is_illegal() -> None:
    """Quantities come from trades only."""
    with pytest.raises(IllegalVenue, match="do not fit"):
        advance(order(OrderStatus.NEW), OrderEvent.FILL_PART)


def test_every_change_makes_a_new_version() -> None:
    """The old version stays as it was."""
    before = order(OrderStatus.NEW)
    after = advance(before, OrderEvent.CANCEL, time_ns=7, reason="by hand")
    assert (before.status, before.version) == (OrderStatus.NEW, 0)
    assert (after.status, after.version, after.updated_ns, after.reason) == (OrderStatus.CANCELED, 1, 7, "by hand")


MARKET = Market(
    "ETH/USDT", tick=Decimal("0.05"), step=Decimal("0.1"), quantity_min=Decimal("0.2"), notional_min=Decimal(5)
)


@pytest.mark.parametrize("quantity", [Decimal(0), Decimal(-1), Decimal("0.1"), Decimal("0.25")])
def test_a_quantity_off_its_filter_is_refused(quantity: Decimal) -> None:
    """Step and minimum."""
    with pytest.raises(Rejected) as caught:
        MARKET.check_quantity(quantity)
    assert caught.value.refusal is Refusal.INVALID_ORDER


@pytest.mark.parametrize("price", [Decimal(0), Decimal("-0.05"), Decimal("1.01")])
def test_a_price_off_its_tick_is_refused(price: Decimal) -> None:
    """Only positive multiples of the tick."""
    with pytest.raises(Rejected):
        MARKET.check_price(price)


def test_an_order_that_is_worth_too_little_is_refused() -> None:
    """The minimum itself is enough."""
    MARKET.check_notional(Decimal(5), Decimal(1))
    with pytest.raises(Rejected):
        MARKET.check_notional(Decimal("4.95"), Decimal(1))


@pytest.mark.parametrize(
    ("symbol", "derivative", "settle", "market_id"),
    [("ETH/USDT", False, "USDT", "ETHUSDT"), ("ETH/USDT:USDT", True, "USDT", "ETHUSDT")],
)
def test_a_symbol_says_what_a_market_is(symbol: str, derivative: bool, settle: str, market_id: str) -> None:
    """As in ccxt."""
    market = Market(symbol)
    assert (market.base, market.quote, market.derivative, market.settle, market.id) == (
        "ETH",
        "USDT",
        derivative,
        settle,
        market_id,
    )
