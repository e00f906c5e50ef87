"""The rules with a bound count the time that the program lets pass, and only that."""

from __future__ import annotations

import pytest
from judge import PERP, SPOT, Judge, bot, row

from simharness.invariants.snapshot import LocalState, OwnerState


def test_l1_fires_on_a_stop_that_comes_too_late(judge):
    court = judge("L1")
    court.place("buy", 1, PERP)
    court.pass_time(40)
    court.pass_time(40)
    late = court.view.step
    court.stop(1)
    court.pass_time(300)
    assert court.rest() == [f"L1: {PERP} was without a stop for 80.000s; at most 60.000s are allowed"]
    assert court.watch.findings[0].step == late


def test_l1_is_silent_when_a_stop_covers_it_in_between(judge):
    court = judge("L1")
    court.place("buy", 1, PERP)
    court.pass_time(40)
    court.cancel(court.stop(1))
    court.pass_time(40)
    court.stop(1)
    assert court.rest() == []


def test_l1_does_not_count_the_time_of_messages(judge):
    court = judge("L1")
    court.place("buy", 1, PERP)
    court.watch.time_passes(0, 300 * 10**9)
    court.stop(1)
    assert court.rest() == []


def test_l2_fires_on_an_order_that_is_looked_up_too_late(judge):
    court = judge("L2")
    court.commit(orders=row(state=LocalState.INTENT))
    court.pass_time(61)
    court.commit(orders=row(state=LocalState.REJECTED))
    assert court.rest() == ["L2: nobody knew for 61.000s what became of orders#1; at most 60.000s are allowed"]


def test_l2_is_silent_when_each_of_two_orders_is_found_in_time(judge):
    court = judge("L2")
    for key in ("orders#1", "orders#2"):
        court.commit(orders=row(state=LocalState.INTENT, key=key))
        court.pass_time(59)
        court.commit(orders=row(state=LocalState.REJECTED, key=key))
        court.pass_time(1)
    assert court.rest() == []


def test_l3_fires_on_a_bot_that_rests_too_long(judge):
    court = judge("L3")
    court.pass_time(90)
    court.place("buy", 1)
    assert court.rest() == [f"L3: an active bot of {SPOT} had no order for 90.000s; at most 60.000s are allowed"]


def test_l3_is_silent_when_a_bot_reaches_error_or_trades_in_between(judge):
    failed, busy = judge("L3"), judge("L3")
    failed.pass_time(59)
    failed.commit(owners={"bots#1": bot(OwnerState.ERROR)})
    failed.pass_time(90)
    for _ in range(3):
        busy.pass_time(59)
        busy.cancel(busy.place("buy", 1))
    busy.place("buy", 1)
    assert failed.rest() + busy.rest() == []


def test_l4_fires_on_a_stream_that_never_comes_back(judge):
    court = judge("L4")
    court.break_stream()
    assert court.rest() == ["L4: user stream positions of test broke and never came back"]


def test_l4_fires_on_a_stream_that_comes_back_too_late(judge):
    court = judge("L4")
    court.break_stream()
    court.pass_time(61)
    court.connect()
    assert court.rest() == [
        "L4: user stream positions of test was not brought back for 61.000s; at most 60.000s are allowed"
    ]


def test_l4_fires_when_nobody_asks_what_the_gap_hid(judge):
    court = judge("L4")
    order = court.place("buy", 1)
    court.commit(orders=row(order))
    court.break_stream()
    court.fill(order)
    court.connect()
    court.pass_time(61)
    late, *rest = court.rest()
    assert late == f"L4: order {order.id} was not brought back for 61.000s; at most 60.000s are allowed"
    assert any("(Q1): orders#1 is working, but the venue has no such open order" in each for each in rest)


def test_l4_is_silent_when_the_stream_is_back_and_everything_known(judge):
    recovered, unbroken = judge("L4"), judge("L4")
    recovered.break_stream()
    recovered.pass_time(59)
    recovered.connect()
    recovered.pass_time(59)
    unbroken.place("buy", 1)
    unbroken.pass_time(90)
    assert recovered.rest() + unbroken.rest() == []


@pytest.mark.parametrize(("bound_s", "found"), [(30, 1), (50, 0)])
def test_a_scenario_says_how_long_is_too_long(judge, bound_s: int, found: int):
    court: Judge = judge("L1")
    court.view.bounds_ns = {"L1": bound_s * 10**9}
    court.place("buy", 1, PERP)
    court.pass_time(40)
    court.stop(1)
    assert len(court.rest()) == found
