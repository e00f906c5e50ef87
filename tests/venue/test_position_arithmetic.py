"""What trades make of a position."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from simharness.venue import Position, Side

trades = st.lists(
    st.tuples(
        st.sampled_from(list(Side)),
        st.integers(1, 50).map(lambda n: Decimal(n) / 10),
        st.integers(1, 20000).map(lambda n: Decimal(n) / 100),
    ),
    max_size=30,
)


def after(*executions: tuple[Side, Decimal, Decimal]) -> Position:
    position = Position("ETH/USDT:USDT")
    for side, quantity, price in executions:
        position = position.traded(side, quantity, price)
    return position


@given(trades)
def test_nothing_is_lost_between_cash_and_position(executions: list[tuple[Side, Decimal, Decimal]]) -> None:
    """Realized profit minus what is open is what was paid and received, exactly, whatever was rounded on the way."""
    position = after(*executions)
    assert position.quantity == sum(side.sign * quantity for side, quantity, _ in executions)
    assert position.realized - position.cost == -sum(
        side.sign * quantity * price for side, quantity, price in executions
    )


@given(trades)
def test_a_flat_position_holds_no_cost(executions: list[tuple[Side, Decimal, Decimal]]) -> None:
    """Closing everything realizes everything."""
    position = after(*executions)
    if position.quantity:
        side = Side.SELL if position.quantity > 0 else Side.BUY
        position = position.traded(side, abs(position.quantity), Decimal(100))
    assert (position.quantity, position.cost, position.entry_price) == (0, 0, 0)


def test_closing_more_than_is_open_turns_the_position_round() -> None:
    """The rest opens at the price of the trade."""
    position = after((Side.BUY, Decimal(2), Decimal(100)), (Side.SELL, Decimal(5), Decimal(110)))
    assert (position.quantity, position.entry_price, position.realized) == (Decimal(-3), Decimal(110), Decimal(20))


def test_a_short_position_earns_when_the_price_falls() -> None:
    """Both realized and not."""
    position = after((Side.SELL, Decimal(2), Decimal(100)), (Side.BUY, Decimal(1), Decimal(90)))
    assert (position.realized, position.unrealized(Decimal(80))) == (Decimal(10), Decimal(20))


def test_only_the_other_side_reduces() -> None:
    """A buy cannot reduce a long position."""
    position = after((Side.BUY, Decimal(2), Decimal(100)))
    assert (position.reducible(Side.SELL), position.reducible(Side.BUY)) == (Decimal(2), Decimal(0))
