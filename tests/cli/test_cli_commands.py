"""The small commands, and words that are no command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simharness.scenario import schema

Call = Callable[..., Any]


def test_check_says_what_is_valid(simharness: Call) -> None:
    said = simharness("check", "scenarios")
    assert (said.code, said.out) == (0, "scenarios/demo.yaml: ok, demo, 4 cases\n")


def test_check_imports_factories(simharness: Call, folder: Path) -> None:
    (folder / "x.yaml").write_text("scenario: x\nsystem: no_such_thing:f\n")
    said = simharness("check", "x.yaml")
    assert said.code == 2
    assert said.err == (
        "x.yaml:2: cannot import 'no_such_thing': ModuleNotFoundError: No module named 'no_such_thing'\n"
    )


def test_a_factory_beside_the_scenarios_is_found(simharness: Call, folder: Path) -> None:
    (folder / "my_own_bot.py").write_text("from demo_system import DemoSystem\n")
    (folder / "x.yaml").write_text("scenario: x\nsystem: my_own_bot:DemoSystem\n")
    assert simharness("check", "x.yaml").code == 0


def test_a_factory_that_makes_no_system_is_one_line(simharness: Call, folder: Path) -> None:
    (folder / "another_bot.py").write_text("def nothing(): ...\n")
    (folder / "x.yaml").write_text("scenario: x\nsystem: another_bot:nothing\n")
    said = simharness("check", "x.yaml")
    assert (said.code, said.err) == (2, "x.yaml:2: what another_bot:nothing makes is no system: it has no 'watched'\n")


def test_list_shows_everything_that_has_a_name(simharness: Call) -> None:
    said = simharness("list")
    assert said.code == 0
    for line in (
        "  demo  Shows the command line at work.",
        "  Q5  no-spurious-stop",
        "  reply_lost",
        "  dpor",
        "  quiescent",
    ):
        assert f"\n{line}" in said.out


def test_list_shows_a_broken_scenario_beside_the_others(simharness: Call, folder: Path) -> None:
    (folder / "scenarios" / "broken.yaml").write_text("- a\n")
    said = simharness("list")
    assert said.code == 0
    assert "scenarios/broken.yaml:1: a scenario is a mapping" in said.out
    assert "Shows the command line" in said.out


def test_list_of_a_missing_folder_is_one_line(simharness: Call) -> None:
    said = simharness("list", "scenaros")
    assert (said.code, said.err) == (2, "scenaros: no such file or folder; did you mean 'scenarios'?\n")


def test_schema_prints_the_schema(simharness: Call) -> None:
    assert json.loads(simharness("schema").out) == schema()


def test_a_healthy_program_is_exit_code_0(simharness: Call, runner: Any) -> None:
    said = simharness("doctor", "scenarios", "--case", "policy=bad")
    assert (said.code, said.out) == (0, "no nondeterminism found in 2 cases\n")
    assert len(runner.cases) == 2


def test_a_sick_program_is_exit_code_3(simharness: Call, runner: Any) -> None:
    runner.findings = ["bot.py:12: reads time.ctime()"]
    said = simharness("doctor", "scenarios")
    assert (said.code, said.out) == (3, "bot.py:12: reads time.ctime()\n")


def test_a_certificate_that_holds_is_exit_code_0_and_else_1(simharness: Call, runner: Any, folder: Path) -> None:
    (folder / "c.json").write_text("{}")
    assert simharness("verify", "c.json").code == 0
    runner.findings = ["121 traces were claimed, 120 found"]
    said = simharness("verify", "c.json")
    assert (said.code, said.out.splitlines()[-1]) == (1, "121 traces were claimed, 120 found")


def test_a_missing_certificate_is_one_line(simharness: Call) -> None:
    said = simharness("verify", "nope.json")
    assert (said.code, said.err) == (2, "nope.json: no such file\n")


USAGE = {
    "a mistyped command": (["rn", "x"], "did you mean 'run'?"),
    "a mistyped option": (["run", "x", "--jbs", "3"], "did you mean '--jobs'?"),
    "the likest option": (["run", "x", "--jsn", "3"], "did you mean '--json'?"),
    "a mistyped option of list": (["list", "--hlp"], "did you mean '--help'?"),
    "a value out of range": (["run", "x", "--jobs", "0"], "--jobs"),
    "no number": (["run", "x", "--seed", "many"], "--seed"),
    "a missing argument": (["replay"], "TOKEN|FILE"),
    "one argument too many": (["replay", "a", "b"], "extra argument"),
}


@pytest.mark.parametrize(("words", "part"), USAGE.values(), ids=USAGE)
def test_a_usage_error_is_one_line_with_the_way_to_help(simharness: Call, words: list[str], part: str) -> None:
    said = simharness(*words)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert part in said.err
    assert "--help`" in said.err


def test_help_and_version_are_exit_code_0(simharness: Call) -> None:
    assert simharness("--help").out.startswith("Usage: simharness ")
    assert simharness("run", "--help").out.startswith("Usage: simharness run ")
    assert simharness("--version").out.startswith("simharness ")


def test_nothing_at_all_shows_the_help(simharness: Call) -> None:
    said = simharness()
    assert said.code == 2
    assert "Usage: simharness" in said.out
