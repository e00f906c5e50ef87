"""Each published weakness, at the moment that shows it; the same moment does not harm `versioned-intent`."""

import asyncio
import logging
from decimal import Decimal

import pytest
from ccxt.base.errors import InvalidOrder, RequestTimeout
from fake_position_exchange import SYMBOL, leftovers, request, trading

from simharness.managers.positions import OpenFailed, PositionExists, PositionManager, UnknownPosition
from simharness.managers.positions.policies import PENDING_ID


def open_with(tmp_path, policy, arrange, judge):
    """Open a position with hooks that `arrange` has set, and return what `judge` says of the outcome."""

    async def scenario():
        async with trading(tmp_path, policy) as (manager, fake):
            arrange(manager, fake)
            state = await manager.open_position(request())
            return judge(manager, fake, state)

    return asyncio.run(scenario())


def update_before_the_answer(manager, fake):
    async def deliver():
        await manager._on_position_update(fake.report(Decimal(103)))

    fake.after["entry"] = [deliver]


def mark_price(manager, fake, state):
    return manager.positions[SYMBOL].mark_price


@pytest.mark.parametrize(
    ("policy", "tracked"),
    [("drop-unknown", None), ("buffer-wrong-key", None), ("buffer-then-apply", 103), ("versioned-intent", 103)],
)
def test_update_between_execution_and_answer(tmp_path, policy, tracked, caplog):
    with caplog.at_level(logging.INFO):
        assert open_with(tmp_path, policy, update_before_the_answer, mark_price) == tracked
    assert ("not in tracked positions" in caplog.text) is (tracked is None)


def update_before_the_stop(manager, fake):
    async def deliver():
        # The placeholder's id reaches the repository, which knows no such row.
        try:
            await manager._on_position_update(fake.report(Decimal(103)))
        except UnknownPosition as error:
            assert str(error) == PENDING_ID  # noqa: PT017 — the other policies raise nothing

    fake.before["stop"] = [deliver]


@pytest.mark.parametrize(
    ("policy", "tracked"),
    [("drop-unknown", None), ("buffer-then-apply", None), ("buffer-wrong-key", None), ("versioned-intent", 103)],
)
def test_update_before_registration_is_lost_with_the_placeholder(tmp_path, policy, tracked):
    assert open_with(tmp_path, policy, update_before_the_stop, mark_price) == tracked


def test_placeholder_id_reaches_the_repository(tmp_path):
    async def scenario():
        async with trading(tmp_path, "buffer-then-apply") as (manager, fake):

            async def deliver():
                with pytest.raises(UnknownPosition, match=PENDING_ID):
                    await manager._on_position_update(fake.report())
                fake.leaked = True

            fake.before["stop"] = [deliver]
            await manager.open_position(request())
            assert fake.leaked

    asyncio.run(scenario())


def test_newer_update_is_overtaken_by_older_ones_while_the_buffer_drains(tmp_path):
    def arrange(manager, fake):
        async def two_updates():
            for price in (101, 102):
                await manager._on_position_update(fake.report(Decimal(price)))

        store = manager.policy.store

        async def newer_meanwhile(state):
            manager.policy.store = store
            await manager._on_position_update(fake.report(Decimal(107)))
            await store(state)

        fake.after["entry"] = [two_updates]
        manager.policy.store = newer_meanwhile

    assert open_with(tmp_path, "buffer-then-apply", arrange, mark_price) == 102


def test_versioned_intent_never_goes_back_to_an_older_update(tmp_path):
    async def scenario():
        async with trading(tmp_path) as (manager, fake):
            state = await manager.open_position(request())
            older, newer = fake.report(Decimal(101)), fake.report(Decimal(107))
            await asyncio.gather(*(manager._on_position_update(report) for report in (newer, older, newer)))
            async with manager.policy.guard(SYMBOL):
                pass  # What it is worth is stored with somebody's next turn.
            row = await manager.repository.get_position(state.id)
            assert state.mark_price == row.mark_price == 107

    asyncio.run(scenario())


@pytest.mark.parametrize(("policy", "divides"), [("buffer-then-apply", True), ("versioned-intent", False)])
def test_protection_check_meets_the_placeholder(tmp_path, policy, divides):
    outcomes = []

    def arrange(manager, fake):
        async def check():
            try:
                await manager.check_protection()
            except ZeroDivisionError:
                outcomes.append(True)
            else:
                outcomes.append(False)

        fake.before["stop"] = [check]

    open_with(tmp_path, policy, arrange, mark_price)
    assert outcomes == [divides]


@pytest.mark.parametrize(
    ("policy", "blocked"), [("buffer-then-apply", True), ("buffer-wrong-key", True), ("versioned-intent", False)]
)
def test_symbol_after_a_failed_stop_loss(tmp_path, policy, blocked):
    async def scenario():
        async with trading(tmp_path, policy) as (manager, fake):
            fake.before["stop"] = [InvalidOrder("no")] * 3
            with pytest.raises(OpenFailed):
                await manager.open_position(request())
            assert bool(manager.positions or manager.position_locks) is blocked
            return await opens_again(manager)

    assert asyncio.run(scenario()) is not blocked


async def opens_again(manager: PositionManager) -> bool:
    try:
        await manager.open_position(request())
    except PositionExists:
        return False
    return True


@pytest.mark.parametrize(
    ("policy", "naked"),
    [("drop-unknown", True), ("buffer-then-apply", True), ("buffer-wrong-key", True), ("versioned-intent", False)],
)
def test_lost_reply_of_the_market_order(tmp_path, policy, naked):
    async def scenario():
        async with trading(tmp_path, policy) as (manager, fake):
            fake.after["entry"] = [RequestTimeout("the answer is lost")]
            if naked:
                with pytest.raises(OpenFailed):
                    await manager.open_position(request())
            else:
                await manager.open_position(request())
            assert fake.size == 1
            assert bool(fake.working()) is not naked

    asyncio.run(scenario())


@pytest.mark.parametrize(("policy", "opened"), [("drop-unknown", 2), ("versioned-intent", 1)])
def test_two_opens_at_once(tmp_path, policy, opened):
    async def scenario():
        async with trading(tmp_path, policy) as (manager, fake):
            await asyncio.gather(*(opens_again(manager) for _ in range(2)))
            assert fake.size == opened

    asyncio.run(scenario())


@pytest.mark.parametrize(("policy", "rows"), [("drop-unknown", 2), ("versioned-intent", 1)])
def test_sync_during_open(tmp_path, policy, rows):
    async def scenario():
        async with trading(tmp_path, policy) as (manager, fake):
            fake.before["stop"] = [manager.sync_with_exchange]
            await manager.open_position(request())
            assert len(await manager.repository.open_positions()) == rows

    asyncio.run(scenario())


@pytest.mark.parametrize(("policy", "left"), [("drop-unknown", 1), ("versioned-intent", 0)])
def test_close_during_open(tmp_path, policy, left):
    async def scenario():
        async with trading(tmp_path, policy) as (manager, fake):
            closing = []

            async def close():
                closing.append(asyncio.create_task(manager.close_position(SYMBOL)))
                await asyncio.sleep(0)

            fake.after["entry"] = [close]
            await manager.open_position(request())
            await closing[0]
            assert fake.size == left
            if policy == "versioned-intent":
                assert (fake.working(), leftovers(manager)) == ([], [])

    asyncio.run(scenario())
