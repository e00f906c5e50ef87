"""Serial executions: no unit overlaps another, every order of units is looked at, and each is a possible execution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from simharness.core.step import Step
from simharness.explore.dpor import OptimalExplorer
from simharness.invariants.outcome import Outcome, outcome_of
from simharness.systems.bots import bot_service
from simharness.world import serial
from simharness.world.serial import SerialWorld, UnitExplorer, serial_outcomes
from simharness.world.setting import Command, Given, Setting
from simharness.world.stage import Stage, staged
from simharness.world.world import World

_BOT = {"ticker": "ETH/USDT", "first_order": "buy", "quantity": 1, "buy_price": 100, "sell_price": 110}
_SETTING = Setting(markets=("ETH/USDT",), given=(Given("bot", _BOT),))


def _update(price: int) -> Command:
    return Command("rest", "PUT /api/v1/bots/{bot}", {"buy_price": price}, name=f"update-{price}")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged(_SETTING, bot_service(cancel_policy="cancel-then-mark")) as prepared:
        yield prepared


def _start(stage: Stage, setting: Setting) -> SerialWorld:
    return SerialWorld(setting, stage.system, stage.database, stage.instrumenter)


def _units(steps: list[Step]) -> list[list[int]]:
    """Return the positions of the steps of each unit."""
    units: list[list[int]] = []
    for position, step in enumerate(steps):
        if serial._TURN in step.footprint.writes:
            units.append([])
        units[-1].append(position)
    return units


def test_no_unit_overlaps_another(stage: Stage) -> None:
    setting = replace(_SETTING, commands=(_update(99), _update(98)))
    looked = 0
    for execution in UnitExplorer(partial(_start, stage, setting)).executions():
        looked += 1
        for first, *rest in _units(execution.steps):
            for position in rest:
                assert execution.steps[position].cause is not None
                assert first <= execution.steps[position].cause < position
    assert looked > 1


def test_both_orders_of_two_commands_are_looked_at(stage: Stage) -> None:
    setting = replace(_SETTING, commands=(_update(99), _update(98)))
    found = serial_outcomes(setting, partial(_start, stage), 1000)
    ends = {fact for outcome in found.least_faults if not outcome.refused for fact in outcome.local if "bot of" in fact}
    assert found.complete
    assert {price for price in (98, 99) for fact in ends if f"buy_price={price}" in fact} == {98, 99}


def test_a_command_that_was_refused_may_be_missing(stage: Stage) -> None:
    first, second = _update(99), replace(_update(98), after=(0,))
    found = serial_outcomes(replace(_SETTING, commands=(first, second)), partial(_start, stage), 1000)
    refused = {outcome.refused for outcome in found.least_faults}
    one, other = (f"PUT /api/v1/bots/1 buy_price={price}" for price in (98, 99))
    assert refused == {(), (one,), (other,), (one, other)}


def test_a_search_that_is_too_large_says_so(stage: Stage) -> None:
    setting = replace(_SETTING, commands=(_update(99), _update(98)))
    assert not serial_outcomes(setting, partial(_start, stage), 2).complete


def test_a_serial_execution_is_one_of_the_executions(stage: Stage) -> None:
    setting = replace(_SETTING, commands=(_update(99),))
    every: set[Outcome] = set()
    program = partial(World, setting, stage.system, stage.database, stage.instrumenter)
    for execution in OptimalExplorer(program).executions():
        execution.conclude()
        every.add(outcome_of(execution.view))
    alone = {
        outcome
        for outcome in serial_outcomes(setting, partial(_start, stage), 1000).least_faults
        if not outcome.refused
    }
    assert alone < every
