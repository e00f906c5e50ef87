"""`versioned-intent`: what events tell while somebody has the turn of a symbol is dealt with at its end."""

import asyncio
from decimal import Decimal

import pytest
from ccxt.base.errors import RequestTimeout
from fake_position_exchange import FAST, PRICE, SYMBOL, leftovers, request, run
from sqlalchemy.exc import OperationalError

from simharness.managers.positions import OpenFailed, PositionManager, PositionStatus
from simharness.managers.positions.exchange import ExchangeManager
from simharness.managers.positions.orders import PlainDesk
from simharness.managers.positions.stop_loss import StopLossManager

LOST = RequestTimeout("no answer")


async def orders_arrive(manager, fake):
    while not fake.order_events.empty():
        await manager._on_order_update(fake.order_events.get_nowait())


def test_a_report_in_a_turn_changes_nothing_before_its_end_and_is_stored_then(tmp_path):
    async def scenario(manager, fake):
        state = await manager.open_position(request())
        async with manager.policy.guard(SYMBOL):
            for mark in (101, 102):
                await manager._on_position_update(fake.report(mark=Decimal(mark)))
            assert state.mark_price is None
        assert state.mark_price == 102
        assert (await manager.repository.get_position(state.id)).mark_price == 102

    run(scenario, tmp_path)


def test_a_report_that_finds_nobody_at_work_is_taken_in_at_once(tmp_path):
    async def scenario(manager, fake):
        state = await manager.open_position(request())
        fake.size = Decimal("0.5")
        work = manager.take_position(fake.report())
        assert state.quantity == Decimal("0.5")
        await work
        assert (await manager.repository.get_position(state.id)).quantity == Decimal("0.5")

    run(scenario, tmp_path)


def test_what_a_position_is_worth_needs_no_turn_and_is_stored_with_the_next(tmp_path):
    async def scenario(manager, fake):
        state = await manager.open_position(request())
        assert manager.take_position(fake.report(mark=Decimal(101))) is None
        assert state.mark_price == 101
        async with manager.policy.guard(SYMBOL):
            assert (await manager.repository.get_position(state.id)).mark_price is None
        assert (await manager.repository.get_position(state.id)).mark_price == 101

    run(scenario, tmp_path)


def test_an_older_report_in_the_mail_does_not_replace_a_newer_one(tmp_path):
    async def scenario(manager, fake):
        state = await manager.open_position(request())
        older, newer = fake.report(mark=Decimal(101)), fake.report(mark=Decimal(102), unrealizedPnl=None)
        async with manager.policy.guard(SYMBOL):
            for report in (newer, older):
                await manager._on_position_update(report)
        assert state.mark_price == 102

    run(scenario, tmp_path)


def test_a_position_that_turns_out_flat_in_a_turn_is_settled_by_it(tmp_path):
    async def scenario(manager, fake):
        await manager.open_position(request())
        async with manager.policy.guard(SYMBOL):
            fake.size = Decimal(1)
            await manager._on_position_update(fake.report())
            fake.size = Decimal(0)
            await manager._on_position_update(fake.report())
        assert (fake.working(), leftovers(manager)) == ([], [])

    run(scenario, tmp_path)


def test_a_stop_that_fires_in_a_turn_ends_the_position_with_it(tmp_path):
    async def scenario(manager, fake):
        await manager.open_position(request())
        async with manager.policy.guard(SYMBOL):
            await manager._on_order_update(fake.trigger())
            assert manager.positions[SYMBOL].status is PositionStatus.ACTIVE
        assert leftovers(manager) == []

    run(scenario, tmp_path)


def test_a_price_that_rises_in_a_turn_moves_the_trailing_stop_once(tmp_path):
    async def scenario(manager, fake):
        state = await manager.open_position(request(trailing=Decimal("0.02")))
        async with manager.policy.guard(SYMBOL):
            for mark in (110, 120):
                await manager._on_position_update(fake.report(mark=Decimal(mark)))
        assert (state.stop_price, len(fake.working())) == (Decimal("117.60"), 1)
        assert [moment for moment, *_ in fake.sent].count("stop") == 2

    run(scenario, tmp_path)


def test_whoever_waits_for_the_end_of_an_order_hears_of_it_by_mail(tmp_path):
    async def scenario(manager, fake):
        fake.entry_fills = [Decimal("0.4")]
        entry = fake._fill

        async def the_rest():
            listening = asyncio.create_task(rest_arrives())
            manager.commands.add(listening)
            listening.add_done_callback(manager.commands.discard)

        async def rest_arrives():
            await asyncio.sleep(0)
            entry(fake.orders["1"], Decimal("0.6"))
            await orders_arrive(manager, fake)

        async def asks_in_vain():
            raise AssertionError("the stream had told it")

        fake.after["entry"] = [the_rest]
        fake.before["fetch_order"] = [asks_in_vain]
        assert (await manager.open_position(request())).quantity == 1

    run(scenario, tmp_path, timing=type(FAST)(poll_s=60, polls=1, query_backoff_s=0.001, queries=3, lost_after_ms=0))


def test_an_event_about_an_order_that_only_the_database_knows_is_looked_up_in_a_turn(tmp_path):
    async def scenario(manager, fake):
        fake.lists_trades = False
        state = await manager.open_position(request())
        fake.lists_trades = True
        event = fake._copy(fake.orders["1"])
        manager.desk.reports.clear()
        async with manager.policy.guard(SYMBOL):
            await manager._on_order_update(event)
            assert await manager.repository.fills_of(state.id) == []
        assert [fill.quantity for fill in await manager.repository.fills_of(state.id)] == [1]

    run(scenario, tmp_path)


def test_a_lookup_that_fails_is_made_good_in_the_next_turn(tmp_path):
    async def scenario(manager, fake):
        fake.lists_trades = False
        state = await manager.open_position(request())
        fake.lists_trades = True
        event, get_order = fake._copy(fake.orders["1"]), manager.repository.get_order
        manager.desk.reports.clear()

        async def locked(reference):
            raise OperationalError("SELECT", {}, Exception("database is locked"))

        manager.repository.get_order = locked
        await manager._on_order_update(event)
        manager.repository.get_order = get_order
        async with manager.policy.guard(SYMBOL):
            assert await manager.repository.fills_of(state.id) == []
        assert [fill.price for fill in await manager.repository.fills_of(state.id)] == [PRICE]

    run(scenario, tmp_path)


def test_somebody_elses_order_is_none_of_our_business(tmp_path):
    async def scenario(manager, fake):
        await manager.open_position(request())
        foreign = {**fake._copy(fake.orders["1"]), "id": "77"}
        assert manager.take_order({**foreign, "clientOrderId": "theirs-1"}) is None
        assert manager.take_order({**foreign, "clientOrderId": None}) is None
        assert manager.desk.mail == {}

    run(scenario, tmp_path)


@pytest.mark.parametrize("sparse", [{"symbol": None}, {"clientOrderId": None}, {"symbol": None, "clientOrderId": None}])
def test_a_sparse_event_finds_its_order(tmp_path, sparse):
    async def scenario(manager, fake):
        await manager.open_position(request())
        await manager._on_order_update({**fake.trigger(), **sparse})
        assert leftovers(manager) == []

    run(scenario, tmp_path)


def test_what_fails_after_a_command_is_logged_and_does_not_fail_the_command(tmp_path, caplog):
    async def scenario(manager, fake):
        await manager.open_position(request())

        async def locked(*_, **__):
            raise OperationalError("SELECT", {}, Exception("database is locked"))

        get_position, manager.repository.get_position = manager.repository.get_position, locked
        async with manager.policy.guard(SYMBOL):
            await manager._on_order_update(fake.trigger())
        manager.repository.get_position = get_position
        assert "could not be followed up" in caplog.text
        await manager.sync_with_exchange()
        assert leftovers(manager) == []

    run(scenario, tmp_path)


def test_orders_that_are_not_written_ahead_do_not_go_with_versioned_intent(tmp_path):
    async def scenario(manager, fake):
        exchange = ExchangeManager(fake)
        plain = StopLossManager(PlainDesk(manager.repository, exchange))
        with pytest.raises(TypeError, match="WriteAheadDesk"):
            PositionManager(manager.repository, exchange, plain)

    run(scenario, tmp_path)


def test_a_close_that_is_refused_reads_in_its_mail_that_the_stop_was_faster(tmp_path):
    async def scenario(manager, fake):
        await manager.open_position(request())

        async def stop_fires():
            await manager._on_order_update(fake.trigger())
            fake.before["fetch_order"] = [LOST] * 20

        fake.before["close"] = [stop_fires]
        assert await manager.close_position(SYMBOL)
        assert leftovers(manager) == []

    run(scenario, tmp_path)


def test_executions_that_are_in_the_mail_are_not_asked_for(tmp_path):
    async def scenario(manager, fake):
        fake.lists_trades = False
        state = await manager.open_position(request())

        async def the_event_comes():
            fake.lists_trades = True
            await manager._on_order_update(fake._copy(fake.orders["1"]))
            fake.lists_trades = False

        async def asked_for_once():
            fake.before["fetch_my_trades"] = [AssertionError("the entry's are in the mail")]

        fake.before["close"] = [the_event_comes]
        fake.before["fetch_my_trades"] = [asked_for_once]
        await manager.close_position(SYMBOL)
        assert len(fake.before["fetch_my_trades"]) == 1  # asked once, for the close, whose event is not there yet
        assert await manager.repository.cash_flow(state.id) == Decimal("-0.2")

    run(scenario, tmp_path)


def test_a_stop_that_fires_ends_a_position_whose_orders_are_not_followed(tmp_path):
    async def scenario(manager, fake):
        await manager.open_position(request())
        manager.desk.reports.clear()
        manager.desk._roles.clear()
        await manager._on_order_update(fake.trigger())
        assert leftovers(manager) == []

    run(scenario, tmp_path)


def test_a_position_that_a_doubtful_order_explains_is_not_adopted(tmp_path):
    async def scenario(manager, fake):
        fake.after["entry"] = [LOST]
        fake.before["fetch_order"] = [LOST] * 1000
        with pytest.raises(OpenFailed):
            await manager.open_position(request())
        await manager.sync_with_exchange()
        assert (fake.size, manager.positions) == (1, {})
        fake.before["fetch_order"] = []
        await manager.sync_with_exchange()
        assert (fake.size, fake.working()) == (0, [])

    run(scenario, tmp_path)
