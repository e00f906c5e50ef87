"""Opening and closing under every policy when nothing comes in between."""

import asyncio
import logging
from decimal import Decimal

import pytest
from ccxt.base.errors import InvalidOrder
from fake_position_exchange import SYMBOL, leftovers, request, trading

from simharness.managers.positions import (
    POLICIES,
    AtomicPositionManager,
    OpenFailed,
    PositionExists,
    PositionStatus,
    UserStreams,
)
from simharness.managers.positions.state import PositionUpdate

every_policy = pytest.mark.parametrize("policy", sorted(POLICIES))


@every_policy
def test_an_opened_position_is_tracked_active_and_protected(tmp_path, policy):
    async def scenario():
        async with trading(tmp_path, policy) as (manager, fake):
            state = await manager.open_position(request())
            row = await manager.repository.get_position(state.id)
            assert manager.positions == {SYMBOL: state}
            assert (row.status, row.quantity, row.entry_price) == ("ACTIVE", Decimal(1), Decimal(100))
            assert len(fake.working()) == 1

    asyncio.run(scenario())


@every_policy
def test_an_update_changes_mark_price_quantity_and_pnl_of_position_and_row(tmp_path, policy):
    async def scenario():
        async with trading(tmp_path, policy) as (manager, fake):
            state = await manager.open_position(request())
            await manager._on_position_update(fake.report(Decimal("101.5")))
            async with manager.policy.guard(SYMBOL):
                pass  # What it is worth is stored with somebody's next turn.
            row = await manager.repository.get_position(state.id)
            assert state.mark_price == row.mark_price == Decimal("101.5")
            assert state.unrealized_pnl == row.unrealized_pnl == Decimal("1.5")

    asyncio.run(scenario())


@every_policy
def test_a_closed_position_leaves_no_order_and_no_tracking(tmp_path, policy):
    async def scenario():
        async with trading(tmp_path, policy) as (manager, fake):
            state = await manager.open_position(request())
            assert await manager.close_position(SYMBOL)
            row = await manager.repository.get_position(state.id)
            assert (row.status, fake.size, fake.working(), manager.positions) == ("CLOSED", 0, [], {})
            assert await manager.repository.cash_flow(state.id) == Decimal("-0.2")

    asyncio.run(scenario())


@every_policy
def test_every_closing_order_only_reduces(tmp_path, policy):
    async def scenario():
        async with trading(tmp_path, policy) as (manager, fake):
            await manager.open_position(request(side="short", stop_price=Decimal(102)))
            await manager.close_position(SYMBOL)
            assert all(params.get("reduceOnly") for moment, _, _, params in fake.sent if moment != "entry")
            assert [side for _, side, _, _ in fake.sent] == ["sell", "buy", "buy"]

    asyncio.run(scenario())


@every_policy
def test_a_refused_stop_loss_closes_the_position_again(tmp_path, policy):
    async def scenario():
        async with trading(tmp_path, policy) as (manager, fake):
            fake.before["stop"] = [InvalidOrder("no")] * 3
            with pytest.raises(Exception, match="no stop-loss"):
                await manager.open_position(request())
            row = await manager.repository.get_position("1")
            assert (fake.size, row.status) == (0, "CLOSED")

    asyncio.run(scenario())


@every_policy
def test_a_second_open_of_an_open_symbol_is_refused(tmp_path, policy):
    async def scenario():
        async with trading(tmp_path, policy) as (manager, fake):
            await manager.open_position(request())
            with pytest.raises(PositionExists):
                await manager.open_position(request())
            assert fake.size == 1

    asyncio.run(scenario())


def test_atomic_manager_without_a_position_manager_opens_and_registers_nothing(tmp_path):
    async def scenario():
        async with trading(tmp_path) as (manager, _):
            atomic = AtomicPositionManager(manager.repository, manager.exchange, manager.stops)
            state = await atomic.open_position(request())
            assert (await manager.repository.get_position(state.id)).status == PositionStatus.ACTIVE
            assert manager.positions == {}

    asyncio.run(scenario())


def test_published_log_lines_appear_and_the_buffer_is_applied(tmp_path, caplog):
    async def scenario():
        async with trading(tmp_path, "buffer-then-apply") as (manager, fake):

            async def early():
                await manager._on_position_update(fake.report(Decimal(103)))

            fake.after["entry"] = [early]
            state = await manager.open_position(request())
            assert state.mark_price == 103
            assert (manager.position_locks, manager.pending_updates) == ({}, {})

    with caplog.at_level(logging.DEBUG):
        asyncio.run(scenario())
    for line in ("Pre-registered", "Buffered update", "Applying 1 buffered updates"):
        assert line in caplog.text
    assert "Skipped" not in caplog.text


def test_streams_feed_the_manager_and_a_fired_stop_ends_the_position(tmp_path):
    async def scenario():
        async with trading(tmp_path) as (manager, fake):
            streams = UserStreams(manager)
            streams.start(periodic=False)
            state = await manager.open_position(request())
            fake.trigger()
            while state.status is not PositionStatus.CLOSED:
                await asyncio.sleep(0.001)
            await streams.stop()
            assert leftovers(manager) == []
            assert await manager.repository.cash_flow(state.id) == Decimal("-2.2")

    asyncio.run(scenario())


def test_the_trailing_stop_follows_the_price_and_never_leaves_a_gap(tmp_path):
    async def scenario():
        async with trading(tmp_path) as (manager, fake):
            state = await manager.open_position(request(trailing=Decimal("0.02")))
            await manager._on_position_update(fake.report(Decimal(110)))
            await manager._on_position_update(fake.report(Decimal(105)))
            assert state.stop_price == Decimal("107.8")
            assert [fake.orders[number]["triggerPrice"] for number in fake.working()] == [Decimal("107.8")]

    asyncio.run(scenario())


@pytest.mark.parametrize(("mark", "size"), [(79, 0), (81, 1)])
def test_protection_check_closes_at_the_loss_limit(tmp_path, mark, size):
    async def scenario():
        async with trading(tmp_path) as (manager, fake):
            await manager.open_position(request())
            await manager._on_position_update(fake.report(Decimal(mark)))
            await manager.check_protection()
            assert fake.size == size

    asyncio.run(scenario())


def test_leverage_is_set_before_the_order(tmp_path):
    async def scenario():
        async with trading(tmp_path) as (manager, fake):

            async def nothing_sent_yet():
                assert fake.sent == []

            fake.before["set_leverage"] = [nothing_sent_yet]
            await manager.open_position(request(leverage=5))
            assert fake.before["set_leverage"] == []

    asyncio.run(scenario())


def test_what_came_during_a_rollback_is_history_afterwards(tmp_path):
    """Also where the exchange counts its reports and names no time."""

    async def scenario():
        async with trading(tmp_path) as (manager, fake):
            reports = [{**fake.report(contracts=size), "timestamp": None} for size in (1, 0)]

            async def refuse_and_report():
                for report in reports:
                    await manager._on_position_update(report)
                raise InvalidOrder("no")

            fake.before["stop"] = [refuse_and_report] * 3
            with pytest.raises(OpenFailed):
                await manager.open_position(request())
            assert manager.policy.is_history(PositionUpdate.from_ccxt(reports[0]))

    asyncio.run(scenario())
