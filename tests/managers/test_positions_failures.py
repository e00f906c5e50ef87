"""`versioned-intent` when requests, answers, events or reads go wrong."""

import asyncio
from decimal import Decimal

import pytest
from ccxt.base.errors import (
    BadRequest,
    DuplicateOrderId,
    ExchangeError,
    InsufficientFunds,
    InvalidOrder,
    NoChange,
    RequestTimeout,
)
from fake_position_exchange import PRICE, SYMBOL, leftovers, request, run
from sqlalchemy.exc import OperationalError

from simharness.managers.positions import CloseFailed, OpenFailed, PositionStatus
from simharness.managers.positions.state import Version

LOST = RequestTimeout("no answer")
REFUSED = InvalidOrder("no")


async def refused_open(manager):
    with pytest.raises(OpenFailed):
        await manager.open_position(request())


def test_a_refused_market_order_leaves_nothing_behind(tmp_path):
    async def scenario(manager, fake):
        fake.before["entry"] = [InsufficientFunds("poor")]
        await refused_open(manager)
        assert (leftovers(manager), await manager.repository.open_positions()) == ([], [])

    run(scenario, tmp_path)


@pytest.mark.parametrize("error", [LOST, ExchangeError("Unknown error"), DuplicateOrderId("again"), OSError("reset")])
def test_a_lost_answer_is_resolved_by_one_query_and_no_second_order(tmp_path, error):
    async def scenario(manager, fake):
        fake.after["entry"] = [error]
        state = await manager.open_position(request())
        assert (state.quantity, fake.size) == (1, 1)
        assert [moment for moment, *_ in fake.sent] == ["entry", "stop"]

    run(scenario, tmp_path)


def test_a_lost_request_fails_the_open_and_is_written_off_later(tmp_path):
    async def scenario(manager, fake):
        fake.before["entry"] = [LOST]
        await refused_open(manager)
        await manager.sync_with_exchange()
        # The manager asks once more by itself; it may be doing so now.
        await manager.drain()
        assert (leftovers(manager), await manager.repository.unresolved_orders()) == ([], [])

    run(scenario, tmp_path)


def test_an_order_that_turns_up_after_the_open_was_given_up_is_closed(tmp_path):
    async def scenario(manager, fake):
        fake.after["entry"] = [LOST]
        fake.before["fetch_order"] = [LOST] * 3
        await refused_open(manager)
        assert fake.size == 1
        await manager.sync_with_exchange()
        assert (fake.size, fake.working(), manager.positions) == (0, [], {})

    run(scenario, tmp_path)


def test_the_order_stream_resolves_what_queries_cannot(tmp_path):
    async def scenario(manager, fake):
        async def event_then_silence():
            await manager._on_order_update(fake.order_events.get_nowait())
            raise LOST

        fake.after["entry"] = [event_then_silence]
        fake.before["fetch_order"] = [LOST] * 3
        assert (await manager.open_position(request())).quantity == 1

    run(scenario, tmp_path)


def test_a_lost_stop_answer_does_not_leave_a_second_stop(tmp_path):
    async def scenario(manager, fake):
        fake.after["stop"] = [LOST]
        fake.before["fetch_order"] = [LOST] * 3
        await manager.open_position(request())
        assert len(fake.working()) == 2
        await manager.sync_with_exchange()
        assert len(fake.working()) == 1

    run(scenario, tmp_path)


def test_a_rollback_that_fails_stays_tracked_and_the_next_sync_closes_it(tmp_path):
    async def scenario(manager, fake):
        fake.before["stop"] = [REFUSED] * 3
        fake.before["close"] = [REFUSED]
        await refused_open(manager)
        assert manager.positions[SYMBOL].status is PositionStatus.CLOSING
        await manager.sync_with_exchange()
        assert (fake.size, leftovers(manager)) == (0, [])

    run(scenario, tmp_path)


def test_an_entry_in_parts_is_protected_as_a_whole(tmp_path):
    async def scenario(manager, fake):
        fake.entry_fills = [Decimal("0.4"), Decimal("0.6")]
        early = []

        async def first_part_only():
            early.append(fake.position_events.get_nowait())
            await manager._on_position_update(early[0])

        fake.after["entry"] = [first_part_only]
        state = await manager.open_position(request())
        assert next(quantity for moment, _, quantity, _ in fake.sent if moment == "stop") == 1
        assert len(await manager.repository.fills_of(state.id)) == 2

    run(scenario, tmp_path)


def test_a_partly_filled_entry_that_hangs_is_cancelled_and_kept_as_far_as_it_went(tmp_path):
    async def scenario(manager, fake):
        fake.entry_fills = [Decimal("0.4")]
        state = await manager.open_position(request())
        assert state.quantity == Decimal("0.4")
        assert next(quantity for moment, _, quantity, _ in fake.sent if moment == "stop") == Decimal("0.4")

    run(scenario, tmp_path)


def test_a_lost_closing_answer_is_resolved_without_a_second_close(tmp_path):
    async def scenario(manager, fake):
        await manager.open_position(request())
        fake.after["close"] = [LOST]
        assert await manager.close_position(SYMBOL)
        assert [moment for moment, *_ in fake.sent].count("close") == 1
        assert leftovers(manager) == []

    run(scenario, tmp_path)


def test_a_refused_close_keeps_position_and_stop(tmp_path):
    async def scenario(manager, fake):
        state = await manager.open_position(request())
        fake.before["close"] = [REFUSED]
        with pytest.raises(CloseFailed):
            await manager.close_position(SYMBOL)
        assert (state.status, len(fake.working())) == (PositionStatus.ACTIVE, 1)

    run(scenario, tmp_path)


def test_a_stop_that_fires_before_the_close_counts_once(tmp_path):
    async def scenario(manager, fake):
        state = await manager.open_position(request())

        async def stop_fires():
            fake.trigger()

        fake.before["close"] = [stop_fires]
        assert await manager.close_position(SYMBOL)
        assert (fake.size, leftovers(manager)) == (0, [])
        assert await manager.repository.cash_flow(state.id) == Decimal("-2.2")

    run(scenario, tmp_path)


def test_repeated_order_events_book_each_fill_once(tmp_path):
    async def scenario(manager, fake):
        state = await manager.open_position(request())
        event = fake.order_events.get_nowait()
        await asyncio.gather(*(manager._on_order_update(event) for _ in range(3)))
        assert len(await manager.repository.fills_of(state.id)) == 1

    run(scenario, tmp_path)


def test_executions_that_no_report_lists_are_asked_for_at_the_end(tmp_path):
    async def scenario(manager, fake):
        fake.lists_trades = False
        state = await manager.open_position(request())
        assert await manager.repository.fills_of(state.id) == []
        await manager.close_position(SYMBOL)
        assert await manager.repository.cash_flow(state.id) == Decimal("-0.2")

    run(scenario, tmp_path)


def test_an_old_report_proves_that_a_later_flat_is_about_this_position(tmp_path):
    async def scenario(manager, fake):
        fake.entry_fills = [Decimal("0.4"), Decimal("0.6")]
        state = await manager.open_position(request())
        state.version = Version(time_ms=fake.now_ms)
        await manager._on_position_update(fake.position_events.get_nowait())
        assert state.quantity == 1
        fake.trigger()
        flat = [fake.position_events.get_nowait() for _ in range(2)][-1]
        await manager._on_position_update(flat)
        assert manager.positions == {}

    run(scenario, tmp_path)


def test_a_late_order_event_after_the_close_leaves_nothing_in_memory(tmp_path):
    async def scenario(manager, fake):
        await manager.open_position(request())
        await manager.close_position(SYMBOL)
        while not fake.order_events.empty():
            await manager._on_order_update(fake.order_events.get_nowait())
        assert leftovers(manager) == []

    run(scenario, tmp_path)


def test_a_stop_that_fires_during_the_open_ends_the_position(tmp_path):
    async def scenario(manager, fake):
        async def everything_at_once():
            fake.trigger()
            while not fake.position_events.empty():
                await manager._on_position_update(fake.position_events.get_nowait())

        fake.after["stop"] = [everything_at_once]
        await manager.open_position(request())
        assert (fake.size, fake.working(), leftovers(manager)) == (0, [], [])

    run(scenario, tmp_path)


def test_an_empty_snapshot_does_not_end_a_position(tmp_path):
    async def scenario(manager, fake):
        state = await manager.open_position(request())
        fake.hides_positions = True
        await manager.sync_with_exchange()
        assert manager.positions == {SYMBOL: state}
        assert (state.quantity, len(fake.working())) == (1, 1)

    run(scenario, tmp_path)


def test_three_empty_snapshots_in_a_row_end_a_position_that_was_closed_elsewhere(tmp_path):
    async def scenario(manager, fake):
        await manager.open_position(request())
        fake.size = Decimal(0)
        for expected in (1, 1, 0):
            await manager.sync_with_exchange()
            assert len(manager.positions) == expected
        assert (fake.working(), leftovers(manager)) == ([], [])

    run(scenario, tmp_path)


def test_a_snapshot_without_the_position_and_a_fired_stop_end_it_together(tmp_path):
    async def scenario(manager, fake):
        await manager.open_position(request())
        fake.trigger()
        await manager.sync_with_exchange()
        assert leftovers(manager) == []

    run(scenario, tmp_path)


def test_absent_fields_are_not_zero(tmp_path):
    async def scenario(manager, fake):
        state = await manager.open_position(request())
        await manager._on_position_update(fake.report(contracts=None, entryPrice=None, unrealizedPnl=None))
        assert (state.quantity, state.entry_price, state.mark_price) == (1, PRICE, PRICE)

    run(scenario, tmp_path)


def test_a_late_report_of_flat_does_not_end_a_new_position(tmp_path):
    async def scenario(manager, fake):
        flat = fake.report()
        state = await manager.open_position(request())
        await manager._on_position_update(flat)
        assert manager.positions == {SYMBOL: state}
        assert state.quantity == 1

    run(scenario, tmp_path)


def test_a_lagging_snapshot_does_not_bring_a_closed_position_back(tmp_path):
    async def scenario(manager, fake):
        await manager.open_position(request())
        stale = fake.report()

        async def lagging(symbols=None, params=None):
            return [stale]

        await manager.close_position(SYMBOL)
        fake.fetch_positions = lagging
        await manager.sync_with_exchange()
        assert manager.positions == {}

    run(scenario, tmp_path)


def test_sync_adopts_and_protects_a_position_opened_by_hand(tmp_path):
    async def scenario(manager, fake):
        fake.size = Decimal(2)
        await manager.sync_with_exchange()
        state = manager.positions[SYMBOL]
        assert (state.quantity, state.stop_price, len(fake.working())) == (2, Decimal("98.00"), 1)
        await manager.close_position(SYMBOL)
        assert (fake.size, fake.working(), leftovers(manager)) == (0, [], [])

    run(scenario, tmp_path)


def test_a_cancelled_caller_does_not_interrupt_the_open(tmp_path):
    async def scenario(manager, fake):
        caller = asyncio.create_task(manager.open_position(request()))

        async def caller_leaves():
            caller.cancel()

        fake.after["entry"] = [caller_leaves]
        with pytest.raises(asyncio.CancelledError):
            await caller
        await manager.drain()
        assert (manager.positions[SYMBOL].status, len(fake.working())) == (PositionStatus.ACTIVE, 1)

    run(scenario, tmp_path)


def test_a_database_that_fails_after_the_order_leaves_no_naked_position(tmp_path):
    async def scenario(manager, fake):
        record = manager.repository.record

        async def locked(*_, **__):
            manager.repository.record = record
            raise OperationalError("UPDATE", {}, Exception("database is locked"))

        manager.repository.record = locked
        await refused_open(manager)
        await manager.sync_with_exchange()
        assert (fake.size, fake.working(), leftovers(manager)) == (0, [], [])

    run(scenario, tmp_path)


def test_a_database_that_fails_on_the_way_back_too_is_repaired_by_the_next_sync(tmp_path):
    async def scenario(manager, fake):
        repository, finish = manager.repository, manager.repository.finish

        async def locked(position_id, status):
            repository.finish = finish
            raise OperationalError("UPDATE", {}, Exception("database is locked"))

        repository.finish = locked
        fake.before["entry"] = [REFUSED]
        with pytest.raises(OperationalError):
            await manager.open_position(request())
        await manager.sync_with_exchange()
        assert (await repository.open_positions(), leftovers(manager)) == ([], [])

    run(scenario, tmp_path)


@pytest.mark.parametrize("error", [NoChange("same"), BadRequest("leverage not modified")])
def test_a_leverage_that_is_set_already_is_no_error(tmp_path, error):
    async def scenario(manager, fake):
        fake.before["set_leverage"] = [error]
        assert (await manager.open_position(request(leverage=3))).quantity == 1

    run(scenario, tmp_path)


def test_a_refused_leverage_refuses_the_open(tmp_path):
    async def scenario(manager, fake):
        fake.before["set_leverage"] = [BadRequest("too much")]
        with pytest.raises(OpenFailed, match="too much"):
            await manager.open_position(request(leverage=500))
        assert (fake.sent, leftovers(manager)) == ([], [])

    run(scenario, tmp_path)


def test_sync_replaces_a_stop_that_somebody_cancelled(tmp_path):
    async def scenario(manager, fake):
        await manager.open_position(request())
        await fake.cancel_order(fake.working()[0])
        await manager.sync_with_exchange()
        assert len(fake.working()) == 1

    run(scenario, tmp_path)
