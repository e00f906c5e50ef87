"""What the write-ahead policy must survive: overlaps, refused and lost answers, repeated events, crashes."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ccxt.base.errors import ExchangeNotAvailable, NetworkError, OrderNotFound, RequestTimeout
from fake_bot_exchange import BOT, Bench, FakeExchange, run, running, until
from sqlalchemy.exc import OperationalError

from simharness.managers.bots.models import ActivityLog, Bot, BotStatus, Order, OrderStatus, Trade


def on_a_bot(tmp_path: Path, test: Callable[[Bench], Awaitable[None]]) -> None:
    """Run `test` with one active bot whose buy order o1 is working."""

    async def scenario() -> None:
        async with running(tmp_path / "bots.db", FakeExchange()) as bench:
            await bench.create()
            await test(bench)

    run(scenario)


async def assert_in_agreement(bench: Bench) -> None:
    """Check that the database and the exchange name the same working orders, at most one, none on a stopped bot."""
    local = [order.exchange_order_id for order in await bench.rows(Order) if order.is_working]
    assert local == [order["id"] for order in bench.exchange.working]
    (bot,) = await bench.rows(Bot)
    assert len(local) == (bot.status is BotStatus.ACTIVE)
    booked = sum(trade.quantity for trade in await bench.rows(Trade))
    assert booked == sum(Decimal(order["filled"]) for order in bench.exchange.orders.values())


def test_the_reason_is_committed_before_the_cancel(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        seen: list[Any] = []

        async def look() -> None:
            seen.extend((order.cancellation_reason, order.status) for order in await bench.rows(Order))

        bench.exchange.before["cancel_order"] = look
        await bench.call("PUT", "/1", buy_price="99")
        assert seen == [("UPDATE", OrderStatus.PENDING)]

    on_a_bot(tmp_path, test)


def test_the_intent_is_committed_before_the_order_is_sent(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        seen: list[Any] = []

        async def look() -> None:
            seen.extend((order.client_order_id, order.exchange_order_id) for order in await bench.rows(Order))

        bench.exchange.before["create_order"] = look
        await bench.call("PUT", "/1", buy_price="99")
        assert seen == [("bot1-1", "o1"), ("bot1-2", None)]

    on_a_bot(tmp_path, test)


def test_update_with_live_events_keeps_the_bot_active(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        changed = await bench.call("PUT", "/1", buy_price="99")
        await bench.settle()
        assert await bench.call("GET", "/1") == changed
        assert [log.message for log in await bench.rows(ActivityLog)] == ["Order cancelled for update operation"]
        await assert_in_agreement(bench)

    on_a_bot(tmp_path, test)


def test_overlapping_updates_leave_one_order_at_the_later_price(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        first, second = await asyncio.gather(
            bench.call("PUT", "/1", buy_price="99"), bench.call("PUT", "/1", buy_price="98")
        )
        await bench.settle()
        assert (first["version"], second["version"]) == (2, 3)
        assert [order["price"] for order in bench.exchange.working] == ["98"]
        await assert_in_agreement(bench)

    on_a_bot(tmp_path, test)


def test_a_double_start_places_one_order(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        await bench.call("POST", "/1/stop")
        await asyncio.gather(bench.call("POST", "/1/start"), bench.call("POST", "/1/start"))
        await bench.settle()
        await assert_in_agreement(bench)

    on_a_bot(tmp_path, test)


@pytest.mark.parametrize(
    ("method", "path", "body", "sides"),
    [("PUT", "/1", {"sell_price": "120"}, ["sell"]), ("POST", "/1/stop", {}, []), ("DELETE", "/1", {}, [])],
)
def test_a_fill_wins_over_the_cancel_that_comes_too_late(
    tmp_path: Path, method: str, path: str, body: dict[str, str], sides: list[str]
) -> None:
    async def test(bench: Bench) -> None:
        async def fill() -> None:
            bench.exchange.fill("o1")

        bench.exchange.before["cancel_order"] = fill
        await bench.call(method, path, status=204 if method == "DELETE" else 200, **body)
        await bench.settle()
        assert [order["side"] for order in bench.exchange.working] == sides
        assert (await bench.rows(Order))[0].status is OrderStatus.FILLED
        await assert_in_agreement(bench)

    on_a_bot(tmp_path, test)


def test_what_was_filled_before_the_cancel_is_not_bought_again(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        async def fill() -> None:
            bench.exchange.fill("o1", "0.3")

        bench.exchange.before["cancel_order"] = fill
        await bench.call("PUT", "/1", buy_price="99")
        assert [order["amount"] for order in bench.exchange.working] == ["0.7"]
        bench.exchange.fill("o2")
        await bench.settle()
        assert [(order["side"], order["amount"]) for order in bench.exchange.working] == [("sell", "1")]
        await assert_in_agreement(bench)

    on_a_bot(tmp_path, test)


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("method", ["create_order", "cancel_order"])
def test_an_update_survives_a_timeout(tmp_path: Path, method: str, executed: bool) -> None:
    async def test(bench: Bench) -> None:
        bench.exchange.fail(method, RequestTimeout("timed out"), executed=executed)
        changed = await bench.call("PUT", "/1", buy_price="99")
        await bench.settle()
        assert changed["status"] == "ACTIVE"
        assert [order["price"] for order in bench.exchange.working] == ["99"]
        await assert_in_agreement(bench)

    on_a_bot(tmp_path, test)


def test_an_order_query_that_lags_is_asked_again(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        bench.exchange.fail("create_order", RequestTimeout("timed out"), executed=True)
        bench.exchange.fail("fetch_order", OrderNotFound("not yet"))
        await bench.call("PUT", "/1", buy_price="99")
        assert bench.exchange.calls.count("create_order") == 2
        await assert_in_agreement(bench)

    on_a_bot(tmp_path, test)


def test_an_unreachable_exchange_answers_503_and_the_wish_is_fulfilled_later(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        bench.exchange.fail("cancel_order", NetworkError("down"))
        for _ in range(3):
            bench.exchange.fail("fetch_order", NetworkError("down"))
        await bench.call("POST", "/1/stop", status=503)
        assert (await bench.call("GET", "/1"))["status"] == "STOPPED"
        assert len(bench.exchange.working) == 1
        await bench.settle()
        await assert_in_agreement(bench)

    on_a_bot(tmp_path, test)


def test_orders_that_never_arrive_end_in_error(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        for _ in range(3):
            bench.exchange.fail("create_order", ExchangeNotAvailable("503"))
        assert (await bench.call("PUT", "/1", buy_price="99"))["status"] == "ERROR"
        await assert_in_agreement(bench)

    on_a_bot(tmp_path, test)


def test_an_order_given_up_for_lost_is_cancelled_when_it_turns_up(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        bench.exchange.fail("create_order", RequestTimeout("timed out"), executed=True)
        for _ in range(3):
            bench.exchange.fail("fetch_order", OrderNotFound("not yet"))
        # The events of the lost order wait for the bot's turn, which ends with a second order.
        await bench.call("PUT", "/1", buy_price="99")
        await bench.settle()
        assert [order["clientOrderId"] for order in bench.exchange.working] == ["bot1-3"]
        await assert_in_agreement(bench)

    on_a_bot(tmp_path, test)


def test_repeated_and_outdated_events_change_nothing(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        partly = bench.exchange.fill("o1", "0.5")
        filled = bench.exchange.fill("o1")
        await bench.settle()
        before = [[vars(row)["id"] for row in await bench.rows(table)] for table in (Order, Trade, ActivityLog)]
        for event in (filled, partly, filled, {"id": "o1", "status": "open"}, {"id": "o1"}):
            await bench.manager.events.handle(event)
        after = [[vars(row)["id"] for row in await bench.rows(table)] for table in (Order, Trade, ActivityLog)]
        assert after == before
        (row, _) = await bench.rows(Order)
        assert (row.status, row.filled_quantity) == (OrderStatus.FILLED, Decimal(1))
        await assert_in_agreement(bench)

    on_a_bot(tmp_path, test)


def test_a_fill_that_overtakes_the_answer_is_matched_by_client_order_id(tmp_path: Path) -> None:
    async def scenario() -> None:
        exchange = FakeExchange()
        async with running(tmp_path / "bots.db", exchange) as bench:
            answer_of = exchange.create_order

            async def create_and_fill(*order: Any) -> dict[str, Any]:
                answer = await answer_of(*order)
                exchange.create_order = answer_of  # type: ignore[method-assign]  # only the first order fills at once
                exchange.fill("o1")
                await until(lambda: exchange.unread == 0)
                return answer

            exchange.create_order = create_and_fill  # type: ignore[method-assign]  # slows one answer down
            await bench.create()
            assert [order["side"] for order in exchange.working] == ["sell"]
            await assert_in_agreement(bench)

    run(scenario)


@pytest.mark.parametrize("method", ["create_order", "cancel_order", "fetch_order"])
@pytest.mark.parametrize("executed", [True, False])
def test_a_crash_in_an_update_is_made_good_at_the_next_start(tmp_path: Path, method: str, executed: bool) -> None:
    async def scenario() -> None:
        exchange = FakeExchange()
        async with running(tmp_path / "bots.db", exchange) as bench:
            await bench.create()
            if method == "fetch_order":
                exchange.fail("create_order", RequestTimeout("timed out"), executed=executed)
            exchange.fail(method, PowerCut(), executed=executed)
            with pytest.raises(PowerCut):
                await bench.call("PUT", "/1", buy_price="99")
            exchange.forget_updates()
        async with running(tmp_path / "bots.db", exchange) as bench:
            await bench.settle()
            assert [order["price"] for order in exchange.working] == ["99"]
            await assert_in_agreement(bench)

    run(scenario)


def test_a_database_that_is_locked_at_the_start_leaves_no_bot_without_its_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        exchange = FakeExchange()
        async with running(tmp_path / "bots.db", exchange) as bench:
            await bench.create()
            exchange.fail("cancel_order", PowerCut(), executed=True)
            with pytest.raises(PowerCut):
                await bench.call("PUT", "/1", buy_price="99")
            exchange.forget_updates()

        async def locked(*_: Any, **__: Any) -> None:
            exchange.fetch_order = ask  # type: ignore[method-assign]
            raise OperationalError("COMMIT", {}, Exception("database is locked"))

        ask = exchange.fetch_order
        exchange.fetch_order = locked  # type: ignore[method-assign]  # the moment at which the reconciliation is in its turn
        async with running(tmp_path / "bots.db", exchange) as bench:
            await bench.settle()
            assert [order["price"] for order in exchange.working] == ["99"]
            await assert_in_agreement(bench)

    run(scenario)


def test_a_fill_while_the_program_was_down_turns_the_cycle_at_the_next_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        exchange = FakeExchange()
        async with running(tmp_path / "bots.db", exchange) as bench:
            await bench.create()
        exchange.fill("o1")
        exchange.forget_updates()
        async with running(tmp_path / "bots.db", exchange, watch=False) as bench:
            assert [order["side"] for order in exchange.working] == ["sell"]
            await assert_in_agreement(bench)

    run(scenario)


def test_a_start_without_an_exchange_still_serves_and_repairs(tmp_path: Path) -> None:
    async def scenario() -> None:
        exchange = FakeExchange()
        async with running(tmp_path / "bots.db", exchange) as bench:
            await bench.create()
        exchange.fill("o1")
        exchange.forget_updates()
        exchange.fail("fetch_open_orders", NetworkError("down"))
        for _ in range(3):
            exchange.fail("fetch_order", NetworkError("down"))
        async with running(tmp_path / "bots.db", exchange) as bench:
            assert (await bench.call("GET", "/1"))["status"] == "ACTIVE"
            await bench.settle()
            await assert_in_agreement(bench)

    run(scenario)


def test_a_restart_of_a_healthy_bot_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        exchange = FakeExchange()
        async with running(tmp_path / "bots.db", exchange) as bench:
            await bench.create()
        async with running(tmp_path / "bots.db", exchange) as bench:
            await bench.settle()
            assert exchange.calls == ["create_order", "fetch_open_orders", "fetch_order"]
            await assert_in_agreement(bench)

    run(scenario)


def test_nothing_stays_behind_in_memory(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        await asyncio.gather(*(bench.call("PUT", "/1", buy_price=str(90 + n)) for n in range(5)))
        await bench.call("DELETE", "/1", status=204)
        await bench.settle()
        turns = bench.manager.turns
        assert turns is not None
        assert [len(each) for each in (bench.manager.background, turns.locks, turns.mail, turns.repairs)] == [0] * 4

    on_a_bot(tmp_path, test)


def test_one_bot_does_not_wait_for_another(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        await bench.call("POST", status=201, **BOT)
        entered, release = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            entered.set()
            await release.wait()

        bench.exchange.before["cancel_order"] = wait
        slow = asyncio.create_task(bench.call("POST", "/1/stop"))
        await entered.wait()
        await bench.call("POST", "/2/stop")
        assert not slow.done()
        release.set()
        await slow

    on_a_bot(tmp_path, test)


class PowerCut(BaseException):
    """Ends the request where it stands: nothing catches it, as nothing catches a killed process."""
