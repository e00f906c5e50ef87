"""A search that was interrupted goes on only with the code that it began with."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simharness.errors import ScenarioError
from simharness.explore.campaign import Campaign
from simharness.runner.case import Interrupted, run_case
from simharness.runner.result import RunOptions
from simharness.scenario import Case, load

ROOT = Path(__file__).parents[2]


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    """A case of the program of the documentation, under names that nobody else imports."""
    document = (ROOT / "docs" / "writing-a-system.md").read_text(encoding="utf-8")
    bot, system = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    (scenario,) = re.findall(r"```yaml\n(.*?)```", document, re.DOTALL)
    (tmp_path / "resumed_bot.py").write_text(bot)
    (tmp_path / "resumed_system.py").write_text(system.replace("my_bot", "resumed_bot"))
    (tmp_path / "fills.yaml").write_text(scenario.replace("my_system", "resumed_system"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield load("fills.yaml").cases()[0]
    for module in ("resumed_bot", "resumed_system"):
        sys.modules.pop(module, None)


def interrupt(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C after the second execution."""

    def press(campaign: Campaign) -> None:
        if campaign.search.statistics.executions == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Campaign, "_limit", press)
        with pytest.raises(Interrupted):
            run_case(case, RunOptions(checkpoint_dir=Path("kept")), lambda _: None)


def test_with_the_same_code_it_goes_on_to_the_same_totals(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    executions = run_case(case, RunOptions(checkpoint_dir=None), lambda _: None).executions
    interrupt(case, monkeypatch)
    resumed = run_case(case, RunOptions(checkpoint_dir=Path("kept"), resume=True), lambda _: None)
    assert resumed.executions == executions > 3


def test_a_change_of_the_program_is_noticed(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was explored before the fix would else count as explored after it."""
    interrupt(case, monkeypatch)
    with Path("resumed_bot.py").open("a") as bot:
        bot.write("# fixed\n")
    with pytest.raises(ScenarioError, match="the code has changed"):
        run_case(case, RunOptions(checkpoint_dir=Path("kept"), resume=True), lambda _: None)
