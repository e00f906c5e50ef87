"""Markets that move by themselves: a price path triggers a stop, funding is paid, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from simharness.errors import ScenarioError
from simharness.systems.positions import position_manager
from simharness.venue import EntryKind
from simharness.world.setting import Command, Given, Setting
from simharness.world.stage import staged
from simharness.world.world import World

_SYMBOL = "ETH/USDT:USDT"
_OPEN = Command(
    "call",
    "open_position",
    args={"symbol": _SYMBOL, "side": "long", "quantity": 2, "stop_price": 95},
    name="open",
)


@contextmanager
def _finished(*commands: Command, **market: Any) -> Iterator[World]:
    """Run the base order, in which timers come last."""
    given = Given("market", {"symbol": _SYMBOL, "price": 100, **market}, "market.yaml:7:")
    setting = Setting(markets=(_SYMBOL,), given=(given,), commands=(_OPEN, *commands), horizon_ns=3600 * 10**9)
    with staged(setting, position_manager()) as stage:
        world = stage.world()
        try:
            while enabled := world.enabled():
                world.step(enabled[0])
            yield world
        finally:
            world.close()


def test_a_price_path_triggers_the_stop() -> None:
    with _finished(price_path=["1s 101", "5s 94"]) as world:
        assert world.loop.clock.now_ns >= 6 * 10**9
        assert [order.status.value for order in world.venue.orders()] == ["filled", "filled"]
        assert not world.venue.position(_SYMBOL).quantity
        world.venue.check_quiet()


def test_funding_is_paid_in_virtual_time() -> None:
    with _finished(funding={"rate": "0.01", "every": "8m", "times": 2}) as world:
        paid = [entry.amount for entry in world.venue.ledger.sorted() if entry.kind is EntryKind.FUNDING]
        assert paid == [-2, -2]


def test_a_scenario_can_liquidate_and_fund() -> None:
    later = [Command("venue", f"{what} {_SYMBOL}{more}", name=what, after=(0,)) for what, more in _BY_HAND]
    with _finished(*later) as world:
        assert not world.venue.position(_SYMBOL).quantity
        assert any(entry.kind is EntryKind.FUNDING for entry in world.venue.ledger.sorted())


_BY_HAND = [("announce", ""), ("fund", " 0.01"), ("liquidate", "")]


@pytest.mark.parametrize(
    ("market", "complaint"),
    [
        ({"price_path": ["soon 101"]}, "not a duration: 'soon'"),
        ({"price_path": ["1s 0.001"]}, "not a positive multiple"),
        ({"funding": {"rate": "0.01"}}, "funding needs 'every'"),
        ({"funding": {"rate": "0.01", "every": "1m", "time": 2}}, "funding has no 'time'"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_line(market: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ScenarioError, match=f"^market.yaml:7: .*{complaint}"), _finished(**market):
        pass
