"""Mistakes in a scenario that only show when it runs: no verdict may come out of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from simharness.cli import main
from simharness.runner.case import run_case
from simharness.runner.result import RunOptions
from simharness.scenario import Case, load

SHIPPED = Path(__file__).parents[2] / "scenarios" / "bot-update.yaml"
OPTIONS = RunOptions(checkpoint_dir=None)


def case_with(folder: Path, old: str, new: str) -> Case:
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    file = folder / "changed.yaml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    (case,) = load(file).cases({"cancel_policy": ["write-ahead"], "database": ["sqlite"]})
    return case


MISTAKES = {
    "a name that stands for nothing": ("{bot}", "{bott}", "nothing is called {bott}; known: {bot}"),
    "an action of another system": (
        "rest: PUT /api/v1/bots/{bot}",
        "call: open",
        "the bot manager has no action 'call'; use rest or venue",
    ),
    "an action that the venue lacks": (
        "rest: PUT /api/v1/bots/{bot}",
        "venue: fil o-1",
        "unknown venue action 'fil o-1'",
    ),
    "something given that is not known": ("- bot: {", "- bott: {", "the bot manager knows no given 'bott'; write bot"),
}


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_that_shows_when_it_runs_names_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    """A typo in a path would else be a 404 in every interleaving, and so a proof."""
    case = case_with(tmp_path, old, new)
    assert main(["run", case.scenario.path, "--case", "cancel_policy=write-ahead", "--case", "database=sqlite"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    line = next(at for at, text in enumerate(Path(case.scenario.path).read_text().splitlines(), 1) if new in text)
    assert said.startswith(f"{case.scenario.path}:{line}: {message}")


def test_a_command_that_is_never_accepted_is_told(tmp_path: Path) -> None:
    case = case_with(tmp_path, "buy_price: 99", "buy_price: cheap")
    told = [each.message for each in run_case(case, OPTIONS, lambda _: None).warnings if each.invariant == "vacuous"]
    assert any(
        each.startswith("PUT /api/v1/bots/1 buy_price=cheap was refused in every execution (422 ") for each in told
    )


def test_a_variant_that_the_factory_refuses_is_found_without_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = case_with(tmp_path, "commit-then-cancel", "commit-than-cancel")
    assert main(["check", case.scenario.path]) == 2
    assert f"{case.scenario.path}:5: unknown cancel_policy 'commit-than-cancel'" in capsys.readouterr().err


def test_a_name_that_stands_for_nothing_is_found_without_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = case_with(tmp_path, "{bot}", "{bott}")
    assert main(["check", case.scenario.path]) == 2
    assert ": nothing is called {bott}; known: {bot}" in capsys.readouterr().err
