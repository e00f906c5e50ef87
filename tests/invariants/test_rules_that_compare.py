"""The rules that compare an execution with the serial ones of its case."""

from __future__ import annotations

from judge import Judge, bot, row

from simharness.invariants.outcome import Outcome, outcome_of
from simharness.invariants.serial import SerialOutcomes
from simharness.invariants.snapshot import LocalState, OwnerState, Snapshot
from simharness.world.judged import Judged


def _judged(court: Judge, *serial: Outcome, faults: int = 0, complete: bool = True) -> list[str]:
    court.view.serial = SerialOutcomes(dict.fromkeys(serial, faults), len(serial), complete)
    return court.rest()


def _traded(court: Judge) -> Outcome:
    """Let a bot cancel its order, and return what came of it."""
    order = court.place("buy", 1)
    court.cancel(order)
    court.commit(orders=row(order, LocalState.CANCELED, reason="UPDATE"))
    return outcome_of(court.view)


def test_x1_fires_on_an_outcome_that_no_serial_order_has(judge):
    court = judge("X1")
    wanted = _traded(court)
    court.commit(owners={"bots#1": bot(OwnerState.STOPPED)})
    assert _judged(court, wanted) == [
        "X1: no serial order of the commands and events comes to this: here bot of ETH/USDT: stopped;"
        " in the nearest serial order bot of ETH/USDT: active"
    ]


def test_x1_is_silent_about_what_only_says_in_which_order_rows_were_written(judge):
    court, other = judge("X1"), judge("X1")
    wanted = _traded(court)
    order = other.place("buy", 1)
    other.cancel(order)
    other.commit(
        orders=row(order, LocalState.CANCELED, reason="UPDATE", key="orders#7"), owners={"bots#1": bot(version="3")}
    )
    assert _judged(other, wanted) == []


def test_x1_fires_when_only_a_fault_explains_the_outcome(judge):
    without, with_one = judge("X1"), judge("X1")
    wanted = [_traded(court) for court in (without, with_one)]
    with_one.view.faults.append("reply_lost")
    assert len(_judged(without, wanted[0], faults=1)) == 1
    assert _judged(with_one, wanted[1], faults=1) == []


def test_x1_is_silent_where_the_serial_orders_are_not_all_known_or_the_program_crashed(judge):
    incomplete, crashed = judge("X1"), judge("X1")
    crashed.view.crashed = True
    assert _judged(incomplete, complete=False) + _judged(crashed) == []


def test_q8_fires_when_the_order_of_the_news_shows(judge):
    court = judge("Q8")
    wanted = _traded(court)
    court.commit(orders=row(court.venue.orders()[0], LocalState.CANCELED, reason="MANUAL"))
    (found,) = _judged(court, wanted)
    assert found.startswith("Q8: the same happened at the venue, and the order of the news shows: here limit buy")


def test_q8_is_silent_where_the_venue_itself_ended_otherwise(judge):
    court = judge("Q8")
    wanted = _traded(court)
    court.commit(orders=row(court.place("buy", 1), key="orders#2"))
    assert _judged(court, wanted) == []


def _two_orders(court: Judge, *, canceled: int, booked: int) -> Outcome:
    """Let the venue cancel one of two equal orders, and the program book one as cancelled."""
    orders = [court.place("buy", 1), court.place("buy", 1)]
    court.cancel(orders[canceled])
    court.commit(orders=row(orders[booked], LocalState.CANCELED) | row(orders[1 - booked], key="orders#2"))
    return outcome_of(court.view)


def test_an_order_is_told_by_what_the_venue_made_of_it(judge):
    one = _two_orders(judge(), canceled=0, booked=0)
    assert one == _two_orders(judge(), canceled=1, booked=1)
    assert one != _two_orders(judge(), canceled=0, booked=1)


def test_x1_says_when_it_had_nothing_to_compare(judge):
    court = judge("X1")
    court.snapshot = Snapshot()
    court.watch.committed()
    assert _judged(court, Outcome()) == []
    judged = Judged()
    judged.take(court.watch)
    assert judged.never() == {"X1": "the system translates no rows, so all outcomes look alike"}
