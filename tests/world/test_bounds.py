"""Rules with a bound, in a world whose clock moves: a refused stop-loss is tried again after a pause."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simharness.core.verdict import Finding
from simharness.systems.positions import position_manager
from simharness.world.setting import Command, Given, Setting
from simharness.world.stage import Stage, staged

_SYMBOL = "ETH/USDT:USDT"
_OPEN = {"symbol": _SYMBOL, "side": "long", "quantity": 2, "stop_price": 95}


def _setting(bound_ns: int | None) -> Setting:
    return Setting(
        markets=(_SYMBOL,),
        given=(Given("market", {"symbol": _SYMBOL, "price": 100}),),
        commands=(Command("call", "open_position", args=_OPEN, name="open"),),
        faults=("stop_loss_refused",),
        fault_budget=1,
        rules=("L1",),
        bounds_ns={} if bound_ns is None else {"L1": bound_ns},
        horizon_ns=600_000_000_000,
    )


@pytest.fixture(params=[1_000_000, None], ids=["1 ms", "usual"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with staged(_setting(request.param), position_manager()) as prepared:
        yield prepared


def _with_the_first_stop_refused(stage: Stage) -> tuple[Finding, ...]:
    """Run the base order, and let the fault strike where it is asked for first."""
    world = stage.world()
    try:
        while enabled := world.enabled():
            asked = "create_order stop" in world.loop.queues.head(enabled[0]).label  # type: ignore[union-attr]  # enabled
            world.step(enabled[0], (1,) if asked and not world.view.details.setdefault("struck", []) else ())
            if asked:
                world.view.details["struck"].append(True)
        return world.conclude()[1]
    finally:
        world.close()


def test_a_stop_that_is_tried_again_in_time_is_in_time(stage: Stage) -> None:
    found = _with_the_first_stop_refused(stage)
    if stage.setting.bounds_ns:
        assert [finding.invariant for finding in found] == ["L1"]
        assert "at most 0.001s are allowed" in found[0].message
    else:
        assert found == ()
