"""Each rule about positions fires on what it forbids and is silent on what it allows."""

from __future__ import annotations

from decimal import Decimal

from judge import PERP, fills, held, position, row

from simharness.invariants.snapshot import LocalState

FILLED = LocalState.FILLED


def bought(court, quantity=2):
    """Buy, and keep the order's row."""
    order = court.place("buy", quantity, PERP)
    court.commit(orders=row(order, FILLED, filled=quantity, quantity=quantity, owner="positions#1"))
    return order


def test_s9_fires_when_a_placeholder_is_left_or_was_used(judge):
    court = judge("S9")
    court.remember(positions=held(0, placeholder=True), leaks={"its id reached the repository": 7})
    assert court.rest() == [
        "S9: its id reached the repository",
        "S9: a placeholder of ETH/USDT:USDT is left among the tracked positions",
    ]
    assert court.watch.findings[0].step == 7


def test_s9_fires_when_a_row_has_the_values_of_one(judge):
    court = judge("S9")
    court.commit(positions=position(0, placeholder=True))
    assert court.found == ["S9: positions#1 was written with the values of a placeholder"]


def test_s9_is_silent_about_real_positions(judge):
    court = judge("S9")
    court.commit(positions=position(2))
    court.remember(positions=held(2))
    assert court.rest() == []


def test_s10_fires_when_a_second_row_of_a_symbol_is_opened_and_observes_the_others(judge):
    court = judge("S10")
    court.commit(positions=position(2))
    court.commit(positions=position(2) | position(2, "opening", "positions#2"))
    assert court.found == ["S10: positions#2 is open in ETH/USDT:USDT beside positions#1"]
    assert court.observed == ["positions#1"]


def test_s10_fires_when_memory_and_rows_do_not_have_the_same_positions(judge):
    court = judge("S10")
    court.remember(positions=held(2))
    assert court.rest() == ["S10: ETH/USDT:USDT is tracked as open in memory, and no open row has it"]


def test_s10_is_silent_when_the_first_row_is_closed_before_the_second(judge):
    court = judge("S10")
    court.commit(positions=position(0, "closed"))
    court.commit(positions=position(0, "closed") | position(2, key="positions#2"))
    court.remember(positions=held(2))
    assert court.rest() == []


def test_s11_fires_when_a_tracked_position_never_learned_of_an_update(judge):
    court = judge("S11")
    bought(court)
    court.remember(positions=held(2, mark_price=None))
    assert "never learned of update #1" in court.rest()[0]


def test_s11_is_silent_when_the_update_arrived_or_the_stream_broke(judge):
    heard, broken = judge("S11"), judge("S11")
    for court in (heard, broken):
        bought(court)
    heard.remember(positions=held(2, sequence=1))
    broken.remember(positions=held(2, mark_price=None))
    broken.break_stream()
    assert heard.rest() + broken.rest() == []


def test_s14_fires_when_a_row_goes_back_to_an_older_update(judge):
    court = judge("S14")
    bought(court, 1)
    bought(court, 1)
    court.commit(positions=position(2))
    court.commit(positions=position(1))
    court.remember(positions=held(2, sequence=2))
    assert court.rest() == ["S14: positions#1 went back from update #2 to update #1 of ETH/USDT:USDT"]


def test_s14_fires_when_memory_ends_at_an_older_update(judge):
    court = judge("S14")
    bought(court, 1)
    bought(court, 1)
    court.remember(positions=held(1, sequence=1))
    assert court.rest() == ["S14: ETH/USDT:USDT ended at update #1; the venue's newest is #2"]


def test_s14_is_silent_when_values_only_move_forward(judge):
    court = judge("S14")
    bought(court, 1)
    court.commit(positions=position(1))
    bought(court, 1)
    court.commit(positions=position(2))
    court.remember(positions=held(2, sequence=2))
    assert court.rest() == []


def test_s15_fires_on_a_price_of_zero_and_on_a_position_that_nothing_closed(judge):
    court = judge("S15")
    bought(court)
    court.commit(positions=position(2, entry_price=Decimal(0)))
    assert court.found == ["S15: positions#1 has a price of zero, which no venue says of an open position"]
    court.commit(positions=position(0, "closed"))
    assert "was taken for closed, though nothing closed it; the venue has 2" in court.rest()[1]


def test_s15_is_silent_about_prices_that_are_not_known(judge):
    court = judge("S15")
    bought(court)
    court.commit(positions=position(2, entry_price=None, mark_price=None))
    assert court.rest() == []


def test_q2_fires_when_rows_memory_or_fills_differ_from_the_venue(judge):
    court = judge("Q2")
    bought(court)
    court.commit(positions=position(1))
    court.remember(positions=held(3))
    assert court.rest() == [
        "Q2: the rows of ETH/USDT:USDT add up to 1, the venue has 2",
        "Q2: memory has 3 of ETH/USDT:USDT, the venue has 2",
        "Q2: the booked fills of ETH/USDT:USDT add up to 0, the venue has 2",
    ]


def test_q2_is_silent_when_all_four_agree(judge):
    court = judge("Q2")
    bought(court)
    court.commit(positions=position(2), executions=fills(("orders#1", "t1", 2)))
    court.remember(positions=held(2))
    assert court.rest() == []


def test_q3_fires_when_a_fill_is_counted_twice(judge):
    court = judge("Q3")
    bought(court)
    court.commit(executions=fills(("orders#1", "t1", 2), ("orders#1", "t1", 2)))
    assert court.rest() == ["Q3: the booked fills of ETH/USDT:USDT brought in -400, the venue's trades -200"]


def test_q3_is_silent_when_cash_follows_from_the_fills(judge):
    court = judge("Q3")
    bought(court)
    court.commit(executions=fills(("orders#1", "t1", 2)))
    assert court.rest() == []


def test_q6_fires_on_everything_that_a_failed_open_leaves_behind(judge):
    court = judge("Q6")
    order = bought(court)
    stop = court.stop(2)
    rows = row(order, FILLED, 2, 2, owner="positions#1")
    rows |= row(stop, quantity=2, key="orders#2", owner="positions#1")
    court.commit(orders=rows, positions=position(0, "failed"))
    court.remember(
        positions=held(0, placeholder=True),
        locked=frozenset({PERP}),
        buffered={PERP: 2},
        followed=frozenset({"orders#1"}),
    )
    assert court.rest() == [
        "Q6: ETH/USDT:USDT has no open row, and memory still has a placeholder",
        "Q6: ETH/USDT:USDT is still locked: no other position can be opened",
        "Q6: ETH/USDT:USDT has no open row, and 2 of its updates still wait in a buffer",
        "Q6: orders#1 is still followed in memory, and its position is over",
        f"Q6: {stop.id} still works at the venue for positions#1, which is over",
    ]


def test_q6_is_silent_about_an_open_position(judge):
    court = judge("Q6")
    bought(court)
    stop = court.stop(2)
    court.commit(orders=row(stop, quantity=2, owner="positions#1"), positions=position(2))
    court.remember(positions=held(2), followed=frozenset({"orders#1"}))
    assert court.rest() == []


def test_q7_fires_on_a_full_buffer_and_on_an_end_that_no_order_of_updates_explains(judge):
    court = judge("Q7")
    bought(court, 1)
    bought(court, 1)
    court.remember(positions=held(1, sequence=1), buffered={PERP: 1})
    assert court.rest() == [
        "Q7: 1 updates of ETH/USDT:USDT still wait in a buffer",
        "Q7: ETH/USDT:USDT ended with quantity 1 and mark price 100; its updates applied in order end with 2 and 100",
    ]


def test_q7_is_silent_when_the_newest_update_decides(judge):
    court = judge("Q7")
    bought(court, 1)
    bought(court, 1)
    court.remember(positions=held(2, sequence=2))
    assert court.rest() == []
