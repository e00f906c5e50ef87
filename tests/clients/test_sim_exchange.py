"""SimExchange speaks ccxt's language: its structures, its errors, its way of watching."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.pro
import pytest
from exchange_stage import ETH, PERP, Stage

from simharness.clients.refusals import error_of
from simharness.clients.sim_exchange import SimExchange
from simharness.venue import Answer, OrderRequest, OrderType, Refusal, Side, Topic, place_order

LIMIT = (ETH, "limit", "buy", 1, 100)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_it_is_an_exchange_of_ccxt_pro() -> None:
    """Under both spellings of its methods."""
    exchange = Stage().exchange
    assert isinstance(exchange, ccxt.pro.Exchange)
    assert SimExchange.createOrder is SimExchange.create_order
    assert (exchange.id, exchange.has["watchOrders"], exchange.enableRateLimit) == ("simexchange", True, False)


def test_importing_the_venue_does_not_load_ccxt() -> None:
    """``simharness list`` must not wait for it."""
    code = "import sys, simharness.venue, simharness.clients; sys.exit('ccxt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_instances_share_nothing_that_programs_change() -> None:
    """One execution must not see the options of another."""
    first, second = Stage().exchange, Stage().exchange
    first.options["defaultType"] = "swap"
    first.headers["X"] = "1"
    first.clients["x"] = object()
    assert "defaultType" not in second.options
    assert not second.headers
    assert not second.clients


def test_making_one_draws_no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the first of its kind: that one may be made inside an execution."""
    monkeypatch.setattr("uuid.uuid4", lambda: pytest.fail("drew a uuid"))

    class Another(SimExchange):
        pass

    stage = Stage()
    assert Another(stage.agenda, stage.venue, session="another").uuid is ccxt.Exchange.uuid


def test_the_markets_are_known_from_the_start() -> None:
    async def test() -> None:
        exchange = Stage().exchange
        markets = await exchange.load_markets()
        assert (markets[ETH]["spot"], markets[PERP]["swap"], markets[PERP]["linear"]) == (True, True, True)
        assert exchange.amount_to_precision(ETH, 1.23456) == "1.234"
        assert exchange.price_to_precision(ETH, 1.239) == "1.24"

    run(test())


def test_an_order_is_a_unified_structure() -> None:
    async def test() -> None:
        stage = Stage()
        order = await stage.finish(stage.exchange.create_order(*LIMIT, {"clientOrderId": "mine"}))
        expected = {
            "id": "ethusdt-1",
            "clientOrderId": "mine",
            "symbol": ETH,
            "type": "limit",
            "side": "buy",
            "price": 100.0,
            "amount": 1.0,
            "filled": 0.0,
            "remaining": 1.0,
            "status": "open",
            "datetime": "2026-01-01T00:00:00.000Z",
            "info": {"status": "NEW", "sequence": 1},
        }
        assert {key: order[key] for key in expected} == expected

    run(test())


@pytest.mark.parametrize(("number", "price"), [(float, 100.0), (str, "100"), (Decimal, Decimal(100))])
def test_numbers_are_of_the_class_that_one_asks_for(number: type, price: object) -> None:
    async def test() -> None:
        stage = Stage(number=number)
        order = await stage.finish(stage.exchange.create_order(*LIMIT))
        assert order["price"] == price
        assert type(order["price"]) is number

    run(test())


@pytest.mark.parametrize("amount", [0.3, "0.3", Decimal("0.3")])
def test_amounts_are_exact_inside(amount: object) -> None:
    """0.1 + 0.2 is the bot's affair; the shortest text of what it passes is the venue's."""

    async def test() -> None:
        stage = Stage()
        await stage.finish(stage.exchange.create_order(ETH, "limit", "buy", amount, "100"))
        assert stage.venue.orders()[0].request.quantity == Decimal("0.3")

    run(test())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((ETH, "limit", "buy", "many", 100), ccxt.InvalidOrder),
        ((ETH, "limit", "buy", float("nan"), 100), ccxt.InvalidOrder),
        ((ETH, "limit", "buy", 1, 100, {"timeInForce": "DAY"}), ccxt.InvalidOrder),
        ((ETH, "limit", "buy", 1, 100, {"positionSide": "up"}), ccxt.InvalidOrder),
        ((ETH, "limit", "buy", 1, 100, {"stopPrice": 90}), ccxt.NotSupported),
        ((ETH, "iceberg", "buy", 1, 100), ccxt.InvalidOrder),
        ((ETH, "limit", "hold", 1, 100), ccxt.InvalidOrder),
        ((ETH, "limit", "buy", 0.00001, 100), ccxt.InvalidOrder),
        (("X/Y", "limit", "buy", 1, 100), ccxt.BadSymbol),
        ((ETH, "limit", "buy", 1, 100, {"postOnly": True}), ccxt.OrderImmediatelyFillable),
        ((ETH, "limit", "buy", 1, 100, {"timeInForce": "GTX"}), ccxt.OrderImmediatelyFillable),
        ((PERP, "market", "sell", 1, None, {"reduceOnly": True}), ccxt.InvalidOrder),
        ((PERP, "market", "sell", 1, None, {"stopLossPrice": 101}), ccxt.OrderImmediatelyFillable),
    ],
)
def test_what_the_venue_refuses_is_an_error_of_ccxt(arguments: tuple[Any, ...], error: type[Exception]) -> None:
    async def test() -> None:
        stage = Stage()
        with pytest.raises(error):
            await stage.finish(stage.exchange.create_order(*arguments))
        assert not stage.venue.orders()

    run(test())


@pytest.mark.parametrize("refusal", list(Refusal))
def test_every_refusal_has_a_class(refusal: Refusal) -> None:
    """And the message starts as ccxt's do."""
    error = error_of("simexchange", Answer(refusal=refusal, message="because"))
    assert isinstance(error, ccxt.BaseError)
    assert str(error).startswith("simexchange ")


def test_only_the_sentence_tells_unknown_from_failed() -> None:
    """The classic double order."""
    unknown, failed = (
        error_of("x", Answer(refusal=refusal)) for refusal in (Refusal.UNKNOWN_STATUS, Refusal.OVERLOADED)
    )
    assert type(unknown) is type(failed)
    assert str(unknown) != str(failed)


def test_insufficient_funds() -> None:
    async def test() -> None:
        stage = Stage(balances={"USDT": Decimal(50)})
        with pytest.raises(ccxt.InsufficientFunds):
            await stage.finish(stage.exchange.create_order(*LIMIT))

    run(test())


def test_a_lost_reply_is_a_timeout() -> None:
    async def test() -> None:
        stage = Stage("reply_lost")
        with pytest.raises(ccxt.RequestTimeout):
            await stage.finish(stage.exchange.create_order(*LIMIT), 1)
        assert stage.venue.open_orders()

    run(test())


def test_an_order_is_found_by_either_id() -> None:
    async def test() -> None:
        stage = Stage()
        created = await stage.finish(stage.exchange.create_order(*LIMIT, {"clientOrderId": "mine"}))
        by_id = await stage.finish(stage.exchange.fetch_order(created["id"], ETH))
        by_client_id = await stage.finish(stage.exchange.fetch_order(None, ETH, {"clientOrderId": "mine"}))
        # As ccxt's own exchanges take it: the argument is required, so callers without an id pass an empty one.
        by_empty_id = await stage.finish(stage.exchange.fetch_order("", ETH, {"clientOrderId": "mine"}))
        assert created == by_id == by_client_id == by_empty_id
        assert await stage.finish(stage.exchange.fetch_open_orders(ETH)) == [created]
        assert await stage.finish(stage.exchange.fetch_open_orders(PERP)) == []

    run(test())


def test_an_order_is_cancelled_once() -> None:
    async def test() -> None:
        stage = Stage()
        await stage.finish(stage.exchange.create_order(*LIMIT, {"clientOrderId": "mine"}))
        order = await stage.finish(stage.exchange.cancel_order(None, ETH, {"clientOrderId": "mine"}))
        assert order["status"] == "canceled"
        with pytest.raises(ccxt.OrderNotFound):
            await stage.finish(stage.exchange.cancel_order("ethusdt-1", ETH))
        with pytest.raises(ccxt.OrderNotFound):
            await stage.finish(stage.exchange.fetch_order("ethusdt-1", PERP))

    run(test())


def test_a_program_may_stop_waiting_for_its_answer() -> None:
    """The venue acts, and the answer finds nobody."""

    async def test() -> None:
        stage = Stage()
        task = await stage.start(stage.exchange.create_order(*LIMIT))
        task.cancel()
        await stage.settle()
        stage.agenda.run_all()
        assert stage.venue.open_orders()
        stage.venue.check_quiet()

    run(test())


# Watching


def place(stage: Stage, price: int = 100) -> None:
    place_order(stage.venue, OrderRequest(ETH, Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(price)))


def test_updates_that_arrive_while_nobody_waits_are_kept() -> None:
    """Each one, in order, and only once."""

    async def test() -> None:
        stage = Stage()
        stage.exchange.open_stream(Topic.ORDERS)
        place(stage)
        stage.venue.engine.fill("ethusdt-1", Decimal("0.4"))
        stage.venue.engine.fill("ethusdt-1", Decimal("0.6"))
        stage.agenda.run_all()
        updates = await stage.exchange.watch_orders()
        assert [(u["status"], u["filled"], u["info"]["executionType"]) for u in updates] == [
            ("open", 0.0, "NEW"),
            ("open", 0.4, "TRADE"),
            ("closed", 1.0, "TRADE"),
        ]
        task = await stage.start(stage.exchange.watch_orders())
        assert not task.done()
        task.cancel()

    run(test())


def test_watching_one_symbol_leaves_the_others() -> None:
    async def test() -> None:
        stage = Stage()
        stage.exchange.open_stream(Topic.ORDERS)
        place(stage)
        place_order(stage.venue, OrderRequest(PERP, Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(90)))
        stage.agenda.run_all()
        assert [update["symbol"] for update in await stage.exchange.watch_orders(PERP)] == [PERP]
        assert [update["symbol"] for update in await stage.exchange.watch_orders()] == [ETH]

    run(test())


def test_a_watcher_that_waits_is_woken() -> None:
    """And one that gave up takes nothing from the next."""

    async def test() -> None:
        stage = Stage()
        impatient = await stage.start(stage.exchange.watch_orders())
        patient = await stage.start(stage.exchange.watch_orders())
        impatient.cancel()
        place(stage)
        stage.agenda.run_all()
        await stage.settle()
        assert [update["id"] for update in patient.result()] == ["ethusdt-1"]

    run(test())


def test_a_broken_stream_is_a_network_error_and_the_next_call_connects_again() -> None:
    """As a world event: what happens before it is missed."""

    async def test() -> None:
        stage = Stage()
        watcher = await stage.start(stage.exchange.watch_orders())
        stage.venue.offer_disconnect(Topic.ORDERS)
        stage.agenda.run_all()
        await stage.settle()
        with pytest.raises(ccxt.NetworkError, match="lost"):
            watcher.result()
        again = await stage.start(stage.exchange.watch_orders())
        place(stage)
        stage.agenda.run_labelled("user stream orders connects")
        place(stage)
        stage.agenda.run_all()
        await stage.settle()
        assert [update["id"] for update in again.result()] == ["ethusdt-2"]

    run(test())


def test_every_connection_that_comes_up_is_told_to_the_hook_of_ccxt() -> None:
    """The only sign of a break that no ``watch_…`` call was waiting to hear of."""

    async def test() -> None:
        stage, told = Stage(), list[str]()
        stage.exchange.on_connected = lambda socket, *_: told.append(socket.url)
        stage.exchange.open_stream(Topic.ORDERS)
        stage.venue.offer_disconnect(Topic.ORDERS)
        stage.agenda.run_all()
        assert told == ["simexchange/orders"]
        watcher = await stage.start(stage.exchange.watch_orders())
        stage.agenda.run_labelled("user stream orders connects")
        assert told == ["simexchange/orders"] * 2
        watcher.cancel()

    run(test())


def test_with_a_handshake_the_first_connection_is_an_event_too() -> None:
    async def test() -> None:
        stage = Stage(handshake=True)
        task = await stage.start(stage.exchange.watch_orders())
        assert stage.agenda.labels() == ["user stream orders connects"]
        task.cancel()

    run(test())


def test_closing_ends_whoever_waits() -> None:
    async def test() -> None:
        stage = Stage()
        watcher = await stage.start(stage.exchange.watch_orders())
        await stage.exchange.close()
        await stage.settle()
        with pytest.raises(ccxt.ExchangeClosedByUser):
            watcher.result()
        place(stage)
        assert not stage.agenda.ready()

    run(test())


def test_a_crash_tells_nobody() -> None:
    async def test() -> None:
        stage = Stage()
        watcher = await stage.start(stage.exchange.watch_orders())
        stage.exchange.abandon()
        place(stage)
        stage.agenda.run_all()
        await stage.settle()
        assert not watcher.done()
        watcher.cancel()

    run(test())


# Account, positions, prices


def test_positions_are_unified_structures() -> None:
    async def test() -> None:
        stage = Stage()
        watcher = await stage.start(stage.exchange.watch_positions([PERP]))
        await stage.finish(stage.exchange.set_leverage(5, PERP))
        await stage.finish(stage.exchange.create_order(PERP, "market", "sell", 2))
        stage.venue.engine.move_price(PERP, Decimal(90))
        (position,) = await stage.finish(stage.exchange.fetch_positions())
        expected = {
            "symbol": PERP,
            "side": "short",
            "contracts": 2.0,
            "entryPrice": 100.0,
            "markPrice": 90.0,
            "unrealizedPnl": 20.0,
            "leverage": 5.0,
            "hedged": False,
            "contractSize": 1.0,
        }
        assert {key: position[key] for key in expected} == expected
        assert position["info"]["sequence"] == 1
        (update,) = watcher.result()
        assert (update["contracts"], update["info"]["sequence"]) == (2.0, 1)
        assert await stage.finish(stage.exchange.fetch_positions([ETH])) == []

    run(test())


@pytest.mark.parametrize("key", ["stopLossPrice", "stopPrice", "triggerPrice"])
def test_a_stop_is_placed_under_any_of_its_names(key: str) -> None:
    async def test() -> None:
        stage = Stage()
        await stage.finish(stage.exchange.create_order(PERP, "market", "buy", 1))
        stop = await stage.finish(
            stage.exchange.create_order(PERP, "market", "sell", 1, None, {key: 95, "reduceOnly": True})
        )
        assert (stop["status"], stop["triggerPrice"], stop["stopLossPrice"], stop["reduceOnly"]) == (
            "open",
            95.0,
            95.0,
            True,
        )
        stage.venue.engine.move_price(PERP, Decimal(95))
        assert await stage.finish(stage.exchange.fetch_positions()) == []

    run(test())


def test_a_take_profit_is_one() -> None:
    async def test() -> None:
        stage = Stage()
        params = {"takeProfitPrice": 120}
        await stage.finish(stage.exchange.create_order(PERP, "market", "sell", 1, None, params))
        assert stage.venue.orders()[0].request.type is OrderType.TAKE_PROFIT_MARKET

    run(test())


def test_the_balance_shows_what_open_orders_hold() -> None:
    async def test() -> None:
        stage = Stage(balances={"USDT": Decimal(500)})
        await stage.finish(stage.exchange.create_order(*LIMIT))
        balance = await stage.finish(stage.exchange.fetch_balance())
        assert balance["USDT"] == {"total": 500.0, "used": 100.1, "free": 399.9}

    run(test())


def test_balances_can_be_watched() -> None:
    async def test() -> None:
        stage = Stage()
        watcher = await stage.start(stage.exchange.watch_balance())
        await stage.finish(stage.exchange.create_order(ETH, "market", "buy", 1))
        assert watcher.result()["total"]["ETH"] == 1.0

    run(test())


def test_the_ticker_shows_the_one_price() -> None:
    async def test() -> None:
        stage = Stage()
        ticker = await stage.finish(stage.exchange.fetch_ticker(ETH))
        assert (ticker["last"], ticker["bid"], ticker["ask"]) == (100.0, 100.0, 100.0)

    run(test())


def test_leverage_needs_a_symbol_and_a_bound() -> None:
    async def test() -> None:
        stage = Stage()
        with pytest.raises(ccxt.ArgumentsRequired):
            await stage.exchange.set_leverage(5)
        with pytest.raises(ccxt.BadRequest):
            await stage.finish(stage.exchange.set_leverage(500, PERP))

    run(test())
