"""Writes the table of verdicts into the README: ``python scripts/headline.py [OUT.json …]``.

Without a file it says what the scenarios expect, which every run is held to. With the result of
``simharness run scenarios/ --json OUT.json`` it says what that run found, and how many interleavings a proof took.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simharness.scenario import Case, discover

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- verdicts: scripts/headline.py -->\n", "<!-- end of verdicts -->\n"

# The key of a matrix whose values are rungs of a ladder: one table for each.
LADDERS = {"cancel_policy": "bots", "registration_policy": "positions"}
SIGNS = {"proven": "✓ proven", "passed": "○ passed", "violated": "✗", "inconclusive": "?", "error": "!"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a table says of one case."""

    scenario: str
    ladder: str
    rung: str
    database: str
    text: str


def expected(cases: Iterable[Case]) -> list[Verdict]:
    """Return what the scenarios expect."""
    return [
        _verdict(case.scenario.name, case.values, case.database.engine, expectation.verdict, expectation.by)
        for case in cases
        if (expectation := case.expected) is not None and LADDERS.keys() & case.values.keys()
    ]


def found(document: dict[str, Any]) -> list[Verdict]:
    """Return what a run found."""
    verdicts = []
    for case in document["cases"]:
        if LADDERS.keys() & case["case"].keys():
            refuted = sorted({each["invariant"] for each in case["violations"] if each["reachable_on_stock_asyncio"]})
            database = case["case"].get("database", "sqlite")
            verdicts.append(
                _verdict(case["scenario"], case["case"], database, case["verdict"], refuted, case["traces"])
            )
    return verdicts


def _verdict(
    scenario: str, values: dict[str, str], database: str, verdict: str, by: Iterable[str], traces: int | None = None
) -> Verdict:
    (ladder,) = LADDERS.keys() & values.keys()
    count = f" ({traces:,})" if verdict == "proven" and traces is not None else ""
    return Verdict(
        scenario, ladder, values[ladder], database, " ".join([SIGNS[verdict] + count, *sorted(by, key=_number)])
    )


def _number(invariant: str) -> tuple[str, int]:
    return invariant[0], int(invariant[1:])


def tables(verdicts: list[Verdict]) -> str:
    """Return a table for each ladder: scenarios are rows, rungs are columns."""
    blocks = []
    for ladder, title in LADDERS.items():
        rungs = list(dict.fromkeys(each.rung for each in verdicts if each.ladder == ladder))
        scenarios = sorted({each.scenario for each in verdicts if each.ladder == ladder})
        lines = [f"| {title} | {' | '.join(rungs)} |", "|---" * (len(rungs) + 1) + "|"]
        for scenario in scenarios:
            cells = [_cell([each for each in verdicts if (each.scenario, each.rung) == (scenario, r)]) for r in rungs]
            lines.append(f"| [{scenario}](scenarios/{_file(scenario)}) | {' | '.join(cells)} |")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _file(scenario: str) -> str:
    name = f"{scenario}.yaml"
    assert (ROOT / "scenarios" / name).is_file(), name
    return name


def _cell(verdicts: list[Verdict]) -> str:
    """Return one text where all databases agree, else one for each."""
    texts = {each.text for each in verdicts}
    if len(texts) <= 1:
        return texts.pop() if texts else ""
    return "; ".join(f"{each.text} ({each.database})" for each in verdicts)


def with_tables(readme: str, table: str) -> str:
    """Return the README with the table between its marks."""
    head, rest = readme.split(BEGIN)
    return f"{head}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}"


def main(arguments: list[str]) -> int:
    """Write the tables."""
    verdicts = [each for file in arguments for each in found(json.loads(Path(file).read_text(encoding="utf-8")))]
    cases = [case for scenario in discover([ROOT / "scenarios"]) for case in scenario.cases()]
    table = tables(verdicts if arguments else expected(cases))
    README.write_text(with_tables(README.read_text(encoding="utf-8"), table), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
