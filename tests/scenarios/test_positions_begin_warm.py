"""The exploration of the position manager begins with a connection, so that no command has to be the engine's first."""

from __future__ import annotations

from pathlib import Path

from simharness.core import name
from simharness.runner.setting import setting_of, system_of
from simharness.scenario import load
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


def test_a_statement_has_its_name_whoever_comes_first() -> None:
    (case,) = load(SCENARIO).cases({"registration_policy": ["drop-unknown"], "database": ["sqlite"]})
    with staged(setting_of(case), system_of(case)) as stage:
        assert first_statement(stage, ["command 1"]) == first_statement(stage, [])
