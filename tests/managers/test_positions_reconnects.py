"""`versioned-intent` when streams break: what the gap has swallowed is asked for, and asked for again."""

import asyncio

import pytest
from ccxt.base.errors import PermissionDenied, RequestTimeout
from fake_position_exchange import FakeExchange, request, trading

from simharness.managers.positions import PositionSettings, UserStreams

LOST = RequestTimeout("no answer")
SETTINGS = PositionSettings(reconnect_s=0.001, resyncs=3)


class Deaf(FakeExchange):
    """Its streams say nothing: each test tells what came of them."""

    async def watch_orders(self, symbol=None, since=None, limit=None, params=None):
        return await asyncio.Future()

    async def watch_positions(self, symbols=None, since=None, limit=None, params=None):
        return await asyncio.Future()


def run(scenario, tmp_path):
    """Run `scenario(manager, fake)` while the streams are up, and wait for what it has set off."""

    async def main():
        async with trading(tmp_path, fake=Deaf(), settings=SETTINGS) as (manager, fake):
            streams = UserStreams(manager)
            streams.start(periodic=False)
            for url in ("orders", "positions"):
                fake.connect(url)
            # A manager that gives up too early leaves the scenario waiting.
            async with asyncio.timeout(60):
                await scenario(manager, fake)
                while streams.handlers:
                    await asyncio.sleep(0.001)
            await streams.stop()
            return manager, fake

    return asyncio.run(main())


async def booked(manager):
    return await manager.repository.booked_quantity("1", "pos-1-entry-1")


def test_the_first_connection_of_a_stream_is_no_reconnect(tmp_path):
    async def scenario(manager, fake):
        fake.before["fetch_positions"] = [AssertionError("nothing was lost")]

    _, fake = run(scenario, tmp_path)
    assert len(fake.before["fetch_positions"]) == 1


def test_what_the_gap_has_swallowed_is_booked_though_no_watch_call_has_failed(tmp_path):
    async def scenario(manager, fake):
        fake.lists_trades = False
        await manager.open_position(request())
        assert await booked(manager) == 0
        fake.connect("orders")
        while not await booked(manager):
            await asyncio.sleep(0.001)

    run(scenario, tmp_path)


@pytest.mark.parametrize("method", ["fetch_positions", "fetch_my_trades"])
def test_an_answer_that_is_lost_is_asked_for_again(tmp_path, method):
    async def scenario(manager, fake):
        fake.lists_trades = False
        await manager.open_position(request())
        fake.before[method] = [LOST, LOST]
        fake.connect("orders")
        while not await booked(manager):
            await asyncio.sleep(0.001)

    _, fake = run(scenario, tmp_path)
    assert fake.before[method] == []


def test_an_exchange_that_never_answers_is_left_to_the_periodic_synchronisation(tmp_path, caplog):
    async def scenario(manager, fake):
        fake.before["fetch_positions"] = [LOST] * 5
        fake.connect("orders")

    _, fake = run(scenario, tmp_path)
    assert len(fake.before["fetch_positions"]) == 2
    assert "not synchronised after the reconnect (3 of 3)" in caplog.text


def test_a_refusal_is_not_asked_again(tmp_path):
    async def scenario(manager, fake):
        fake.lists_trades = False
        await manager.open_position(request())
        fake.before["fetch_my_trades"] = [PermissionDenied("no"), LOST]
        fake.connect("orders")

    _, fake = run(scenario, tmp_path)
    assert len(fake.before["fetch_my_trades"]) == 1


def test_a_position_that_is_being_opened_is_looked_at_though_the_snapshot_hides_it(tmp_path):
    async def scenario(manager, fake):
        fake.lists_trades = False
        fake.hides_positions = True

        async def reconnect():
            fake.connect("positions")
            await asyncio.sleep(0.05)

        fake.after["entry"] = [reconnect]
        await manager.open_position(request())
        while not await booked(manager):
            await asyncio.sleep(0.001)

    run(scenario, tmp_path)


def test_the_hook_of_somebody_else_is_called_and_put_back(tmp_path):
    async def main():
        told = []
        fake = Deaf()
        fake.on_connected = theirs = lambda socket, *_: told.append(socket.url)
        async with trading(tmp_path, fake=fake) as (manager, _):
            streams = UserStreams(manager)
            streams.start(periodic=False)
            fake.connect("orders")
            await streams.stop()
            assert (told, fake.on_connected) == (["orders"], theirs)

    asyncio.run(main())


def test_an_order_is_written_off_only_if_the_exchange_says_that_it_knows_none(tmp_path):
    async def scenario(manager, fake):
        fake.before["entry"] = [LOST]
        with pytest.raises(Exception, match="unknown to the exchange"):
            await manager.open_position(request())
        fake.now_ms += manager.desk.timing.lost_after_ms
        fake.before["fetch_order"] = [LOST] * 1000  # more than everyone who asks can use up
        await manager.sync_with_exchange()
        assert [row.reference for row in await manager.repository.unresolved_orders()] == ["pos-1-entry-1"]
        fake.before["fetch_order"] = []
        await manager.sync_with_exchange()
        assert await manager.repository.unresolved_orders() == []

    run(scenario, tmp_path)
