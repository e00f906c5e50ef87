"""What tells the cancel policies apart: the `canceled` event is handled before the cancel's answer arrives."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fake_bot_exchange import BOT, Bench, FakeExchange, run, running

from simharness.managers.bots.models import ActivityLog, BotStatus, Order

COMMANDS = [("PUT", "/1", {"buy_price": "99"}, 200), ("POST", "/1/stop", {}, 200), ("DELETE", "/1", {}, 204)]
every_command = pytest.mark.parametrize("command", COMMANDS, ids=["update", "stop", "delete"])


class EventsFirst(FakeExchange):
    """Answers a cancel only after the order's handler has read the row; one that waits for its turn reads it later."""

    async def cancel_order(self, *order: Any) -> dict[str, Any]:
        before = self.handler_reads
        answer = await super().cancel_order(*order)
        for _ in range(200):
            await asyncio.sleep(0.002)
            if self.handler_reads > before:
                break
        return answer


async def warnings(bench: Bench) -> list[str]:
    """Return what the bot's owner was warned about."""
    return [log.message for log in await bench.rows(ActivityLog) if log.level == "WARNING"]


@every_command
@pytest.mark.parametrize("policy", ["cancel-then-mark", "flush-then-cancel"])
def test_a_reason_that_is_not_committed_is_taken_for_a_cancel_by_hand(
    tmp_path: Path, policy: str, command: tuple[str, str, dict[str, str], int]
) -> None:
    method, path, body, status = command

    async def scenario() -> None:
        async with running(tmp_path / "bots.db", EventsFirst(), policy) as bench:
            await bench.create()
            await bench.call(method, path, status=status, **body)
            await bench.settle()
            assert await warnings(bench) == ["Order cancelled outside of the bot; bot stopped"]

    run(scenario)


@pytest.mark.parametrize("policy", ["cancel-then-mark", "flush-then-cancel"])
def test_the_update_then_answers_active_for_a_stopped_bot_with_a_live_order(tmp_path: Path, policy: str) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "bots.db", EventsFirst(), policy) as bench:
            await bench.create()
            answer = await bench.call("PUT", "/1", buy_price="99")
            await bench.settle()
            assert answer["status"] == "ACTIVE"
            assert (await bench.call("GET", "/1"))["status"] == "STOPPED"
            assert [order["price"] for order in bench.exchange.working] == ["99"]

    run(scenario)


@every_command
@pytest.mark.parametrize("policy", ["commit-then-cancel", "write-ahead"])
def test_a_committed_reason_is_understood(
    tmp_path: Path, policy: str, command: tuple[str, str, dict[str, str], int]
) -> None:
    method, path, body, status = command

    async def scenario() -> None:
        async with running(tmp_path / "bots.db", EventsFirst(), policy) as bench:
            await bench.create()
            answer = await bench.call(method, path, status=status, **body)
            await bench.settle()
            assert await warnings(bench) == []
            if method != "DELETE":
                assert await bench.call("GET", "/1") == answer
            working = [order.exchange_order_id for order in await bench.rows(Order) if order.is_working]
            assert working == [order["id"] for order in bench.exchange.working]
            assert len(working) == (method == "PUT")

    run(scenario)


def test_a_simple_policy_answers_502_when_the_cancel_comes_too_late(tmp_path: Path) -> None:
    async def scenario() -> None:
        exchange = FakeExchange()
        async with running(tmp_path / "bots.db", exchange, "commit-then-cancel", watch=False) as bench:
            await bench.call("POST", status=201, **BOT)
            exchange.fill("o1")
            await bench.call("PUT", "/1", status=502, buy_price="99")
            assert (await bench.call("GET", "/1"))["status"] == BotStatus.ACTIVE

    run(scenario)
