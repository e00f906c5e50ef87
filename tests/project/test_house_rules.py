"""What no linter knows: file length, machine paths, names that documents and catalog share."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from simharness.core.catalog import INVARIANTS, SEMANTICS, STRATEGIES
from simharness.faults.registry import all_faults

ROOT = Path(__file__).parents[2]
LINES_MAX = 400
TEXT = {".py", ".md", ".toml", ".yaml", ".txt", ".svg", ".json", ""}
# Spelt in parts: this file is searched, too. Somebody and someone live on no machine; tests invent paths of theirs.
MACHINE_PATH = re.compile(
    "|".join([rf"(?<![\w}}/])/{root}/(?!some)[a-z.]" for root in ("root", "home", "Users", "work")])
)


def own_files() -> list[Path]:
    rooms = ("simharness", "tests", "benchmarks", "scenarios", "docs", "reports/golden", ".ci")
    found = [path for room in rooms for path in (ROOT / room).rglob("*") if path.is_file()]
    found += [ROOT / name for name in ("README.md", "CHANGELOG.md", "Makefile", "pyproject.toml")]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def table(document: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    text = (ROOT / document).read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def test_no_source_file_is_longer_than_a_reader_can_hold() -> None:
    long = {
        str(path.relative_to(ROOT)): length
        for path in own_files()
        if path.suffix == ".py"
        and path.is_relative_to(ROOT / "simharness")
        and (length := len(path.read_text().splitlines())) > LINES_MAX
    }
    assert not long


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in own_files()
        if path.suffix in TEXT and (match := MACHINE_PATH.search(path.read_text(errors="ignore")))
    ]
    assert not found


def test_every_package_says_what_it_is() -> None:
    silent = [
        str(init.parent.relative_to(ROOT))
        for init in sorted((ROOT / "simharness").rglob("__init__.py"))
        if not init.read_text().startswith('"""')
    ]
    assert not silent


def test_the_documented_invariants_are_those_of_the_catalog() -> None:
    assert table("docs/scenarios.md", "Invariants") == [[each.id, each.name, each.about] for each in INVARIANTS]


def test_the_documented_faults_are_those_that_exist() -> None:
    faults = all_faults()
    assert table("docs/scenarios.md", "Faults") == [[name, faults[name].about] for name in sorted(faults)]


@pytest.mark.parametrize(("heading", "known"), [("Strategies", STRATEGIES), ("Semantics", SEMANTICS)])
def test_the_documented_searches_are_those_that_exist(heading: str, known: dict[str, str]) -> None:
    assert dict(table("docs/scenarios.md", heading)) == known


def test_every_package_stands_on_the_floor_plan() -> None:
    plan = (ROOT / "docs/architecture.md").read_text().split("```")[1]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [re.sub(r"[()]", "", layer) for layer in contracts[0]["layers"] if layer != "__main__"]
    assert [line.split()[0] for line in plan.split("\n") if line] == [layer.split()[0] for layer in layers]
    assert set(re.findall(r"\w+", plan)) == {word for layer in layers for word in re.findall(r"\w+", layer)}


def test_the_glossary_explains_each_word_once() -> None:
    words = [line.split("|")[1].strip() for line in (ROOT / "docs/glossary.md").read_text().splitlines() if "|" in line]
    assert len(words) == len(set(words))


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(path.name[:3]) for path in (ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{path.name}: {target}"
        for path in own_files()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text())
        if not (path.parent / target).exists()
    ]
    assert not broken
