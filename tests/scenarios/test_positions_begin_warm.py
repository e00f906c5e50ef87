"""An exploration begins with a connection, so that no command is the engine's first; if not, nothing is proven."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simharness.core import name
from simharness.runner.setting import setting_of, system_of
from simharness.scenario import load
from simharness.systems import positions
from simharness.world.stage import Stage, staged

SCENARIO = Path(__file__).parents[2] / "scenarios" / "position-open-twice.yaml"


def first_statement(stage: Stage, before: list[str]) -> str:
    """Return what the first statement of command 2 is called if the commands in `before` have sent theirs."""
    execution = stage.program()
    try:
        for command in (*before, "command 2"):
            while True:
                process = next(each for each in execution.enabled() if name.text(each).startswith(command))
                if name.text(process).endswith(":sql"):
                    break
                execution.step(process)
        return name.text(process)
    finally:
        execution.close()


@contextmanager
def opening_twice() -> Iterator[Stage]:
    """Prepare the case whose program reads nothing before its commands."""
    (case,) = load(SCENARIO).cases({"registration_policy": ["drop-unknown"], "database": ["sqlite"]})
    with staged(setting_of(case), system_of(case)) as stage:
        yield stage


def test_a_statement_has_its_name_whoever_comes_first() -> None:
    with opening_twice() as stage:
        assert first_statement(stage, ["command 1"]) == first_statement(stage, [])
        assert stage.holes() == []


def test_an_engine_that_is_cold_while_it_is_explored_is_a_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(positions, "warm_up", nothing)
    with opening_twice() as stage:
        assert first_statement(stage, ["command 1"]) != first_statement(stage, [])
        assert ["first connection" in hole for hole in stage.holes()] == [True]
