"""What all four cancel policies must do when events and answers come in the usual order."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from ccxt.base.errors import InsufficientFunds, NetworkError
from fake_bot_exchange import BOT, FakeExchange, run, running, until

from simharness.managers.bots import CANCEL_POLICIES, create_app
from simharness.managers.bots.models import ActivityLog, Bot, BotStatus, Order, OrderStatus, Trade

every_policy = pytest.mark.parametrize("policy", CANCEL_POLICIES)


@every_policy
def test_create_places_the_first_order(tmp_path: Path, policy: str) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "bots.db", FakeExchange(), policy) as bench:
            bot = await bench.create()
            assert (bot["status"], bot["version"], Decimal(bot["buy_price"])) == ("ACTIVE", 1, Decimal(100))
            (placed,) = bench.exchange.working
            assert (placed["side"], placed["price"], placed["amount"]) == ("buy", "100", "1")
            (row,) = await bench.rows(Order)
            assert (row.exchange_order_id, row.status) == ("o1", OrderStatus.PENDING)
            assert await bench.call("GET", f"/{bot['id']}") == bot
            assert await bench.call("GET") == [bot]

    run(scenario)


@every_policy
def test_update_replaces_the_open_order_and_keeps_the_bot_active(tmp_path: Path, policy: str) -> None:
    async def scenario() -> None:
        exchange = FakeExchange()
        # No stream: the events are handed over after the answer, the order that every developer sees first.
        async with running(tmp_path / "bots.db", exchange, policy, watch=False) as bench:
            bot = await bench.call("POST", status=201, **BOT)
            exchange.forget_updates()
            changed = await bench.call("PUT", f"/{bot['id']}", buy_price="99")
            assert (changed["status"], changed["version"], Decimal(changed["buy_price"])) == ("ACTIVE", 2, Decimal(99))
            while exchange.unread:
                for order in await exchange.watch_orders():
                    await bench.manager.events.handle(order)
            assert await bench.call("GET", f"/{bot['id']}") == changed
            assert [order["price"] for order in exchange.working] == ["99"]
            old, new = await bench.rows(Order)
            assert (old.status, old.cancellation_reason) == (OrderStatus.CANCELLED, "UPDATE")
            assert (new.status, new.exchange_order_id) == (OrderStatus.PENDING, "o2")
            assert [log.message for log in await bench.rows(ActivityLog)] == ["Order cancelled for update operation"]

    run(scenario)


@every_policy
def test_stop_start_and_delete(tmp_path: Path, policy: str) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "bots.db", FakeExchange(), policy, watch=False) as bench:
            bot = await bench.call("POST", status=201, **BOT)
            assert (await bench.call("POST", f"/{bot['id']}/stop"))["status"] == "STOPPED"
            assert bench.exchange.working == []
            assert (await bench.call("POST", f"/{bot['id']}/start"))["status"] == "ACTIVE"
            assert (await bench.call("POST", f"/{bot['id']}/start"))["status"] == "ACTIVE"
            assert len(bench.exchange.working) == 1
            await bench.call("DELETE", f"/{bot['id']}", status=204)
            assert bench.exchange.working == []
            await bench.call("GET", f"/{bot['id']}", status=404)
            assert [order.cancellation_reason for order in await bench.rows(Order)] == ["STOP", "DELETE"]

    run(scenario)


@every_policy
def test_stop_all_stops_every_active_bot(tmp_path: Path, policy: str) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "bots.db", FakeExchange(), policy, watch=False) as bench:
            for _ in range(3):
                await bench.call("POST", status=201, **BOT)
            await bench.call("POST", "/2/stop")
            assert [bot["id"] for bot in await bench.call("POST", "/stop-all")] == [1, 3]
            assert bench.exchange.working == []

    run(scenario)


@every_policy
def test_fills_turn_the_cycle_and_are_booked(tmp_path: Path, policy: str) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "bots.db", FakeExchange(), policy) as bench:
            await bench.create()
            bench.exchange.fill("o1", "0.4")
            await bench.settle()
            (row,) = await bench.rows(Order)
            assert (row.status, row.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.4"))
            bench.exchange.fill("o1")
            await bench.settle()
            bench.exchange.fill("o2")
            await bench.settle()
            sides = [(order.side, order.price, order.status) for order in await bench.rows(Order)]
            assert sides == [("buy", 100, "FILLED"), ("sell", 110, "FILLED"), ("buy", 100, "PENDING")]
            trades = [(trade.side, trade.quantity, trade.cost) for trade in await bench.rows(Trade)]
            assert trades == [("buy", Decimal("0.4"), 40), ("buy", Decimal("0.6"), 60), ("sell", 1, 110)]

    run(scenario)


@every_policy
def test_three_equal_fill_events_together_count_once(tmp_path: Path, policy: str) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "bots.db", FakeExchange(), policy, watch=False) as bench:
            await bench.call("POST", status=201, **BOT)
            filled = bench.exchange.fill("o1")
            await asyncio.gather(*(bench.manager.events.handle(filled) for _ in range(3)))
            assert [order["side"] for order in bench.exchange.working] == ["sell"]
            assert len(await bench.rows(Trade)) == 1
            assert len(await bench.rows(Order)) == 2

    run(scenario)


@every_policy
def test_cancel_by_hand_stops_the_bot_with_a_warning(tmp_path: Path, policy: str) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "bots.db", FakeExchange(), policy) as bench:
            await bench.create()
            bench.exchange.cancel_by_hand("o1")
            await bench.settle()
            (bot,) = await bench.rows(Bot)
            (order,) = await bench.rows(Order)
            (log,) = await bench.rows(ActivityLog)
            assert (bot.status, order.cancellation_reason, log.level) == (BotStatus.STOPPED, "MANUAL", "WARNING")

    run(scenario)


@every_policy
def test_a_refused_order_puts_the_bot_into_error(tmp_path: Path, policy: str) -> None:
    async def scenario() -> None:
        exchange = FakeExchange()
        exchange.fail("create_order", InsufficientFunds("no money"))
        async with running(tmp_path / "bots.db", exchange, policy) as bench:
            assert (await bench.create())["status"] == "ERROR"
            (log,) = await bench.rows(ActivityLog)
            assert "no money" in log.message
            assert (await bench.call("POST", "/1/start"))["status"] == "ACTIVE"
            assert len(exchange.working) == 1

    run(scenario)


@every_policy
def test_an_order_of_somebody_else_is_ignored(tmp_path: Path, policy: str) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "bots.db", FakeExchange(), policy) as bench:
            await bench.exchange.create_order("ETH/USDT", "limit", "buy", "1", "90", {"clientOrderId": "bot7-1"})
            await bench.exchange.create_order("ETH/USDT", "limit", "buy", "1", "90")
            await bench.settle()
            assert await bench.rows(Order) == []

    run(scenario)


def test_a_failing_handler_does_not_stop_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "bots.db", FakeExchange()) as bench:
            await bench.create()
            bench.exchange.push({"id": "o1", "clientOrderId": "bot1-1", "status": "closed", "filled": "all of it"})
            bench.exchange.fill("o1")
            await bench.settle()
            assert [order["side"] for order in bench.exchange.working] == ["sell"]

    run(scenario)
    assert "order event o1 failed" in caplog.text


def test_the_stream_reconnects_and_makes_up_for_the_gap(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "bots.db", FakeExchange()) as bench:
            await bench.create()
            bench.exchange.fill("o1")
            bench.exchange.forget_updates()
            bench.exchange.push(NetworkError("connection reset"))
            await until(lambda: [order["side"] for order in bench.exchange.working] == ["sell"])
            await bench.settle()
            assert [trade.quantity for trade in await bench.rows(Trade)] == [1]

    run(scenario)


def test_a_break_that_no_call_fails_of_is_made_up_for_as_well(tmp_path: Path) -> None:
    """While an update waits to be taken nobody waits for the connection, so nobody is told that it broke."""

    async def scenario() -> None:
        async with running(tmp_path / "bots.db", FakeExchange()) as bench:
            await bench.create()
            await bench.settle()
            bench.exchange.fill("o1")
            bench.exchange.forget_updates()
            bench.exchange.connect()
            await until(lambda: [order["side"] for order in bench.exchange.working] == ["sell"])
            await bench.settle()
            assert [trade.quantity for trade in await bench.rows(Trade)] == [1]

    run(scenario)


def test_the_hook_of_somebody_else_is_called_and_put_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        told: list[str] = []
        exchange = FakeExchange()
        exchange.on_connected = theirs = lambda socket, *_: told.append(socket.url)
        async with running(tmp_path / "bots.db", exchange) as bench:
            await bench.create()
            await bench.settle()
        assert told == ["wss://fake/orders"]
        assert exchange.on_connected is theirs

    run(scenario)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/7", {"buy_price": "99"}, 404),
        ("POST", "/7/stop", {}, 404),
        ("DELETE", "/7", {}, 404),
        ("PUT", "/1", {"buy_price": "110"}, 422),
        ("PUT", "/1", {"buy_prise": "99"}, 422),
        ("POST", "", {**BOT, "sell_price": "100"}, 422),
        ("POST", "", {**BOT, "quantity": "0"}, 422),
    ],
)
def test_impossible_requests_are_refused(
    tmp_path: Path, method: str, path: str, body: dict[str, str], status: int
) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "bots.db", FakeExchange()) as bench:
            await bench.create()
            await bench.call(method, path, status=status, **body)
            assert bench.exchange.calls == ["create_order"]

    run(scenario)


def test_an_unknown_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'commit-first'; known are cancel-then-mark"):
        create_app(None, FakeExchange(), cancel_policy="commit-first")  # type: ignore[arg-type]  # never gets that far
