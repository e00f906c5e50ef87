"""``simharness list``: everything that has a name. Reads scenarios at a glance, so that a broken one hides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from simharness.cli.console import out
from simharness.core.catalog import FRAMES, INVARIANTS, SEMANTICS, STRATEGIES
from simharness.scenario.files import files_in, outline
from simharness.scenario.names import fault_names

_DEFAULT = Path("scenarios")


def main(*, paths: list[Path]) -> int:
    """Print the names with one line each."""
    if paths or _DEFAULT.is_dir():
        outlines = [outline(file) for file in files_in(paths or [_DEFAULT])]
        _section("Scenarios", ((each.name, each.problem or each.about) for each in outlines))
    else:
        out("Scenarios\n  none here: there is no folder `scenarios/`; name another with `simharness list PATH`\n")
    _section("Invariants", ((f"{each.id:<4}{each.name}", each.about) for each in INVARIANTS))
    _section("Faults", fault_names().items())
    _section("Strategies", STRATEGIES.items())
    _section("Semantics", SEMANTICS.items())
    _section("Frames", FRAMES.items())
    return 0


def _section(title: str, entries: Iterable[tuple[str, str]]) -> None:
    rows = list(entries)
    width = max((len(name) for name, _ in rows), default=0)
    out(title)
    for name, about in rows:
        out(f"  {name:<{width}}  {about}".rstrip())
    out("")
