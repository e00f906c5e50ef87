"""`simharness replay`: tokens, files, and whose they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_runner import token_of
from rich.text import Text

from simharness.runner.result import ReplayOutcome
from simharness.scenario import load, parse

Call = Callable[..., Any]


@pytest.fixture
def token(folder: Path) -> str:
    return token_of(load(folder / "scenarios" / "demo.yaml").cases()[2])


def test_a_violation_that_happens_again_is_exit_code_0(simharness: Call, runner: Any, token: str) -> None:
    said = simharness("replay", token)
    assert (said.code, runner.replayed) == (0, [token])
    assert said.out == "the timeline\nTrace   digest d16e57\nit happened again, step by step as recorded\n"


@pytest.mark.parametrize(("what", "message"), [("sh1-" + "0" * 400, "is damaged"), ("a/" + "b" * 400, "a/b")])
def test_what_is_longer_than_a_name_of_a_file_may_be_is_no_file(simharness: Call, what: str, message: str) -> None:
    """Long searches have tokens of many choices."""
    said = simharness("replay", what)
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert message in said.err


def test_a_violation_that_is_gone_is_exit_code_1(simharness: Call, runner: Any, token: str) -> None:
    runner.outcome = ReplayOutcome(False, None, "nothing is violated", digest="d16e57", same_trace=False)
    said = simharness("replay", token)
    sentence = "it no longer happens; not step by step as recorded: the code or the scenario has changed since"
    assert (said.code, said.out.splitlines()[-1]) == (1, sentence)


def test_a_divergence_is_exit_code_3(simharness: Call, runner: Any, token: str) -> None:
    runner.outcome = ReplayOutcome(False, "replay diverged at step 3", "as far as it went")
    said = simharness("replay", token)
    assert (said.code, said.out.splitlines()[-1]) == (3, "replay diverged at step 3")


def test_a_drawing_is_printed_as_it_is(simharness: Call, runner: Any, token: str) -> None:
    runner.outcome = ReplayOutcome(True, None, "", Text("[order] x.py:12\n  b"))
    assert simharness("replay", token).out == "[order] x.py:12\n  b\nit happened again, step by step as recorded\n"


def test_every_violation_of_a_result_is_replayed(simharness: Call, runner: Any, folder: Path) -> None:
    simharness("run", "scenarios", "--json", "out.json")
    said = simharness("replay", "out.json")
    assert said.code == 0
    assert len(runner.replayed) == 2


def test_a_result_names_the_scenario_it_came_from(simharness: Call, runner: Any, folder: Path) -> None:
    (folder / "scenarios").rename(folder / "elsewhere")
    simharness("run", "elsewhere", "--json", "out.json")
    assert simharness("replay", "out.json").code == 0


def test_a_counterexample_file_holds_one_token(simharness: Call, runner: Any, folder: Path, token: str) -> None:
    (folder / "counter.json").write_text(json.dumps({"token": token}))
    simharness("replay", "counter.json")
    assert runner.replayed == [token]


def test_a_token_of_another_scenario_is_one_line(simharness: Call, runner: Any, folder: Path) -> None:
    foreign = token_of(parse("scenario: other\nsystem: m:f\n", "x.yaml").cases()[0])
    said = simharness("replay", foreign)
    assert (said.code, runner.replayed, len(said.err.splitlines())) == (2, [], 1)
    assert "belongs to none of the scenarios in scenarios/demo.yaml" in said.err


def test_a_scenario_can_be_named(simharness: Call, runner: Any, folder: Path) -> None:
    text = "scenario: other\nsystem: json:loads\n"
    (folder / "other.yaml").write_text(text)
    foreign = token_of(parse(text, "x.yaml").cases()[0])
    assert simharness("replay", foreign, "--scenario", "other.yaml").code == 0


BAD = {
    "no token": ("nonsense", "not a replay token: 'nonsense'; tokens start with sh1-"),
    "a missing file": ("out.jsn", "out.jsn: no such file; did you mean 'out.json'?"),
    "no JSON": ("scenarios/demo.yaml", "scenarios/demo.yaml: not a JSON file: "),
    "nothing to replay": ("out.json", "out.json: holds no violation with a token, so there is nothing to replay"),
    "a list": ("list.json", "list.json: holds no violation with a token, so there is nothing to replay"),
    "odd cases": ("odd.json", "odd.json: holds no violation with a token, so there is nothing to replay"),
}


@pytest.mark.parametrize(("what", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_replayed_is_one_line(simharness: Call, folder: Path, what: str, message: str) -> None:
    (folder / "out.json").write_text('{"cases": [{"violations": []}]}')
    (folder / "list.json").write_text("[1]")
    (folder / "odd.json").write_text('{"cases": [3, {"violations": 4}, {"violations": [5, {"token": 6}]}]}')
    said = simharness("replay", what)
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert said.err.startswith(message)


def test_a_damaged_token_is_one_line(simharness: Call, token: str) -> None:
    said = simharness("replay", token[:-1])
    assert (said.code, len(said.err.splitlines())) == (2, 1)


def test_without_scenarios_it_says_how_to_name_one(simharness: Call, folder: Path, token: str) -> None:
    (folder / "scenarios").rename(folder / "elsewhere")
    said = simharness("replay", token)
    assert said.err == "there is no folder `scenarios/` here; name the token's scenario with --scenario PATH\n"
