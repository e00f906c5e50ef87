"""Each rule about orders and bots fires on what it forbids and is silent on what it allows."""

from __future__ import annotations

from judge import PERP, SPOT, bot, fills, row

from simharness.invariants.snapshot import LocalState, OwnerState
from simharness.venue import OrderType

FILLED, CANCELED = LocalState.FILLED, LocalState.CANCELED


def test_s1_fires_when_a_filled_order_comes_back_to_life(judge):
    court = judge("S1")
    court.commit(orders=row(state=FILLED, filled=1))
    court.commit(orders=row(state=LocalState.WORKING))
    assert court.found == ["S1: orders#1 went from filled to working"]


def test_s1_is_silent_while_an_order_is_filled_in_parts(judge):
    court = judge("S1")
    court.commit(orders=row(state=LocalState.INTENT))
    court.commit(orders=row(state=LocalState.PARTIALLY_FILLED, filled=1, quantity=2))
    court.commit(orders=row(state=FILLED, filled=2, quantity=2))
    assert court.rest() == []


def test_s2_fires_when_the_filled_quantity_falls(judge):
    court = judge("S2")
    court.commit(orders=row(filled=2, quantity=3))
    court.commit(orders=row(filled=1, quantity=3))
    assert court.found == ["S2: the filled quantity of orders#1 fell from 2 to 1"]


def test_s2_is_silent_while_it_grows_up_to_the_quantity(judge):
    court = judge("S2")
    court.commit(orders=row(filled=1, quantity=2))
    court.commit(orders=row(state=FILLED, filled=2, quantity=2))
    assert court.found == []


def test_s3_fires_when_one_execution_is_booked_twice(judge):
    court = judge("S3")
    court.commit(executions=fills(("orders#1", "t1", 1), ("orders#1", "t1", 1)))
    assert court.rest() == ["S3: execution t1 of orders#1 is booked 2 times"]


def test_s3_is_silent_about_two_executions_of_one_order(judge):
    court = judge("S3")
    court.commit(executions=fills(("orders#1", "t1", 1), ("orders#1", "t2", 1)))
    assert court.rest() == []


def test_s4_fires_when_an_order_that_nobody_knows_is_sent_again(judge):
    court = judge("S4")
    lost, again = court.place(), court.place()
    court.commit(orders=row(again))
    assert court.rest() == [
        f"S4: {lost.id}, {again.id} ask for the same thing, and {lost.id} is in no row: sent once more"
    ]


def test_s4_fires_when_one_client_id_names_two_orders(judge):
    court = judge("S4")
    first = court.place(client_id="intent-1")
    court.cancel(first)
    second = court.place(client_id="intent-1")
    assert f"S4: {first.id}, {second.id} were all submitted as intent-1" in court.rest()


def test_s4_is_silent_about_two_equal_orders_that_both_have_rows(judge):
    court = judge("S4")
    first, second = court.place(), court.place()
    court.commit(orders=row(first) | row(second, key="orders#2"))
    assert court.rest() == []


def test_s5_fires_when_a_second_order_of_a_bot_is_accepted(judge):
    court = judge("S5")
    court.place()
    court.place("sell")
    assert len(court.found) == 1
    assert "2 orders of ETH/USDT work at the venue at once" in court.found[0]


def test_s5_is_silent_when_the_first_order_is_gone_before_the_second(judge):
    court = judge("S5")
    court.cancel(court.place())
    court.place("sell")
    assert court.found == []


def test_s8_fires_when_a_cancel_takes_effect_before_its_reason_is_committed(judge):
    court = judge("S8")
    order = court.place()
    court.commit(orders=row(order))
    court.cancel(order)
    assert "while no reason was committed for orders#1" in court.found[0]
    assert court.observed == ["orders#1"]


def test_s8_is_silent_when_the_reason_is_committed_or_the_cancel_is_somebody_elses(judge):
    court = judge("S8")
    first, second = court.place(), court.place()
    court.commit(orders=row(first, reason="UPDATE") | row(second, key="orders#2"))
    court.cancel(first)
    court.cancel(second, reason="by hand")
    assert court.found == []


def test_s16_fires_when_an_answer_contradicts_the_committed_row(judge):
    court = judge("S16")
    court.commit(owners={"bots#1": bot(OwnerState.STOPPED, status="STOPPED")})
    court.answer("PUT /api/v1/bots/1", status="ACTIVE")
    assert court.found == ["S16: PUT /api/v1/bots/1 answered status=ACTIVE, but bots#1 has status=STOPPED"]


def test_s16_is_silent_when_they_agree(judge):
    court = judge("S16")
    court.commit(owners={"bots#1": bot(status="ACTIVE")})
    court.answer("PUT /api/v1/bots/1", status="ACTIVE")
    assert court.found == []


def test_q1_fires_on_a_working_order_that_is_in_no_row(judge):
    court = judge("Q1")
    order = court.place()
    assert court.rest() == [f"Q1: {order.id} works at the venue and is in no row"]


def test_q1_is_silent_when_both_sides_have_the_same_order(judge):
    court = judge("Q1")
    court.commit(orders=row(court.place()))
    assert court.rest() == []


def test_q4_fires_when_a_fill_was_not_booked(judge):
    court = judge("Q4")
    order = court.place()
    court.fill(order)
    court.commit(orders=row(order, FILLED, filled=1))
    assert court.rest() == [f"Q4: 0 is booked for orders#1, the venue filled 1 of {order.id}"]


def test_q4_is_silent_when_every_fill_is_booked_once(judge):
    court = judge("Q4")
    order = court.place()
    court.fill(order)
    court.commit(orders=row(order, FILLED, filled=1), executions=fills(("orders#1", "t1", 1)))
    assert court.rest() == []


def test_q5_fires_when_a_bot_stops_after_a_cancel_of_its_own(judge):
    court = judge("Q5")
    court.cancel(court.place())
    court.commit(owners={"bots#1": bot(OwnerState.STOPPED)})
    assert court.rest() == ["Q5: bots#1 was auto-stopped after a cancel that it asked for itself"]


def test_q5_is_silent_when_somebody_cancelled_by_hand(judge):
    court = judge("Q5")
    court.cancel(court.place(), reason="by hand")
    court.commit(owners={"bots#1": bot(OwnerState.STOPPED)})
    assert court.rest() == []


def test_l2_fires_on_an_order_of_unknown_outcome(judge):
    court = judge("L2")
    court.commit(orders=row(state=LocalState.INTENT))
    assert court.rest() == ["L2: nobody ever found out what became of orders#1"]


def test_l2_fires_on_an_order_that_the_program_never_learned_of(judge):
    court = judge("L2")
    order = court.place()
    assert court.rest() == [f"L2: {order.id} is new at the venue, and the program never learned of it"]


def test_l2_is_silent_when_every_order_is_known(judge):
    court = judge("L2")
    court.commit(orders=row(court.place()))
    assert court.rest() == []


def test_l3_fires_when_an_active_bot_has_no_working_order(judge):
    court = judge("L3")
    assert court.rest() == ["L3: bots#1 active, and 0 orders of ETH/USDT work at the venue"]


def test_l3_is_silent_when_it_has_one_or_gave_up(judge):
    working, failed = judge("L3"), judge("L3")
    working.place()
    failed.commit(owners={"bots#1": bot(OwnerState.ERROR)})
    assert working.rest() + failed.rest() == []


def test_l6_fires_when_an_order_is_placed_after_a_stop_was_answered(judge):
    court = judge("L6")
    court.commit(owners={"bots#1": bot(OwnerState.STOPPED)})
    court.answer("POST /api/v1/bots/1/stop")
    order = court.place()
    assert court.found == [f"L6: {order.id} was placed after POST /api/v1/bots/1/stop had been answered"]


def test_l6_fires_when_a_stop_is_answered_while_an_order_works(judge):
    court = judge("L6")
    order = court.place()
    court.commit(owners={"bots#1": bot(OwnerState.STOPPED)})
    court.answer("POST /api/v1/bots/1/stop")
    assert court.found == [f"L6: POST /api/v1/bots/1/stop was answered while {order.id} works at the venue"]


def test_l6_is_silent_when_the_last_order_is_gone_before_the_answer(judge):
    court = judge("L6")
    court.cancel(court.place())
    court.commit(owners={"bots#1": bot(OwnerState.STOPPED)})
    court.answer("POST /api/v1/bots/1/stop")
    assert court.found == []


def test_s6_fires_when_position_and_order_together_exceed_the_limit(judge):
    court = judge("S6")
    court.view.exposure_limits[PERP] = 2
    court.place("buy", 2, PERP)
    assert court.found == []
    court.place("buy", 1, PERP)
    assert "the limit is 2" in court.found[0]


def test_s6_is_silent_about_orders_that_shrink_and_about_markets_without_a_limit(judge):
    court = judge("S6")
    court.view.exposure_limits[PERP] = 2
    court.place("buy", 2, PERP)
    court.place("sell", 2, PERP, reduce_only=True)
    court.place("buy", 50, SPOT)
    assert court.found == []


def test_s7_fires_when_a_closing_order_opens_the_other_side(judge):
    court = judge("S7")
    court.place("buy", 1, PERP)
    closing = court.place("sell", 2, PERP)
    court.commit(orders=row(closing, FILLED, filled=2, quantity=2, reduce_only=True))
    assert court.rest() == ["S7: orders#1 was to close a position, and after its execution ETH/USDT:USDT stands at -1"]


def test_s7_is_silent_when_it_closes_and_when_another_order_opens(judge):
    court = judge("S7")
    opening = court.place("buy", 1, PERP)
    closing = court.place("sell", 1, PERP, reduce_only=True)
    rows = row(opening, FILLED, filled=1) | row(closing, FILLED, filled=1, key="orders#2", reduce_only=True)
    court.commit(orders=rows)
    assert court.rest() == []


def test_l1_fires_on_a_position_that_stays_without_a_stop(judge):
    court = judge("L1")
    court.place("buy", 2, PERP)
    court.stop(1)
    assert court.rest() == ["L1: ETH/USDT:USDT: 2 at the venue, and stops for 1 of it, for ever"]


def test_l1_is_silent_when_a_stop_covers_it(judge):
    court = judge("L1")
    court.place("buy", 2, PERP)
    assert court.stop(2).request.type is OrderType.STOP_MARKET
    assert court.rest() == []
