"""A crash at every event of an open and of a close, then a restart on the same database and exchange."""

import asyncio
from decimal import Decimal

import pytest
from ccxt.base.errors import InvalidOrder
from fake_position_exchange import SYMBOL, FakeExchange, leftovers, request, trading

from simharness.managers.positions import OpenFailed, PositionStatus

WORLD = {
    "client": ("create_order", "cancel_order", "fetch_order", "fetch_positions"),
    "repository": ("create_position", "update_position", "finish", "add_order", "record"),
}


class Crash(BaseException):
    """The process is gone: nothing catches this, and nothing runs after it."""


class Countdown:
    """Crashes at the n-th event: each call of the exchange or the database counts before and after."""

    def __init__(self, events):
        self.left = events

    def tick(self):
        self.left -= 1
        if self.left <= 0:
            raise Crash

    def wrap(self, owner, name):
        call = getattr(owner, name)

        async def counted(*args, **kwargs):
            self.tick()
            result = await call(*args, **kwargs)
            self.tick()
            return result

        setattr(owner, name, counted)

    def arm(self, manager):
        for name in WORLD["client"]:
            self.wrap(manager.exchange.client, name)
        for name in WORLD["repository"]:
            self.wrap(manager.repository, name)

    def disarm(self, fake):
        for name in WORLD["client"]:
            delattr(fake, name)


async def crash_and_recover(tmp_path, events, command):
    """Run `command` until the n-th event, restart, recover; return whether it crashed, manager and exchange."""
    fake, countdown = FakeExchange(), Countdown(events)
    crashed = False
    async with trading(tmp_path, fake=fake) as (manager, _):
        countdown.arm(manager)
        try:
            await command(manager, fake)
        except Crash:
            crashed = True
        except OpenFailed:
            pass
        countdown.disarm(fake)
    async with trading(tmp_path, fake=fake) as (manager, _):
        await manager.recover()
        await agreement(manager, fake)
        await manager.recover()
        await agreement(manager, fake)
    return crashed


async def agreement(manager, fake):
    """Memory, database and exchange tell the same, and what lives has exactly one stop."""
    rows = await manager.repository.open_positions()
    tracked = [(state.id, state.quantity, state.status) for state in manager.positions.values()]
    assert tracked == [(str(row.id), fake.size, PositionStatus.ACTIVE) for row in rows]
    assert [row.status for row in rows] == ["ACTIVE"] * len(rows)
    assert (len(rows), len(fake.working())) == ((1, 1) if fake.size else (0, 0))
    if not rows:
        assert leftovers(manager) == []
    for row in rows:
        fills = await manager.repository.fills_of(str(row.id))
        assert sum(fill.quantity if fill.side == "buy" else -fill.quantity for fill in fills) == fake.size


async def opening(manager, fake):
    await manager.open_position(request())


async def opening_without_a_stop(manager, fake):
    fake.before["stop"] = [InvalidOrder("no")] * 3
    await manager.open_position(request())


async def opening_and_closing(manager, fake):
    await manager.open_position(request())
    await manager.close_position(SYMBOL)


async def opening_and_stopped_out(manager, fake):
    await manager.open_position(request())
    order = fake.trigger()
    await manager._on_order_update(order)


@pytest.mark.parametrize("command", [opening, opening_without_a_stop, opening_and_closing, opening_and_stopped_out])
def test_recovery_after_a_crash_at_every_event(tmp_path, command):
    crashed, events = True, 0
    while crashed:
        events += 1
        folder = tmp_path / str(events)
        folder.mkdir()
        crashed = asyncio.run(crash_and_recover(folder, events, command))
    assert events > 10


def test_recovery_closes_a_position_whose_stop_fired_while_the_bot_was_down(tmp_path):
    async def scenario():
        fake = FakeExchange()
        async with trading(tmp_path, fake=fake) as (manager, _):
            await manager.open_position(request())
        fake.trigger()
        async with trading(tmp_path, fake=fake) as (manager, _):
            await manager.recover()
            assert leftovers(manager) == []
            assert await manager.repository.cash_flow("1") == Decimal("-2.2")

    asyncio.run(scenario())


def test_recovery_believes_the_order_and_not_a_lagging_snapshot(tmp_path):
    async def scenario():
        fake = FakeExchange()
        async with trading(tmp_path, fake=fake) as (manager, _):

            async def crash():
                raise Crash

            fake.after["entry"] = [crash]
            with pytest.raises(Crash):
                await manager.open_position(request())
        fake.hides_positions = True
        async with trading(tmp_path, fake=fake) as (manager, _):
            await manager.recover()
            assert manager.positions[SYMBOL].quantity == 1
            assert len(fake.working()) == 1

    asyncio.run(scenario())
