"""Executions and seconds to the proof, for symbols that have nothing to do with each other."""

from __future__ import annotations

import time

import simharness
from benchmarks.race import race, race_by_symbol


def row(symbols: int, *, fixed: bool, apart: bool = False) -> str:
    """Explore and return one line; ``apart`` with a check for each symbol, which sees nothing of the others."""
    started = time.perf_counter()
    if apart:
        checks = {f"S{number}": lambda status: status != "STOPPED" for number in range(symbols)}
        result = simharness.explore(race_by_symbol(symbols, fixed=fixed), check=checks)
    else:
        result = simharness.explore(race(symbols, fixed=fixed), check=nothing_stopped)
    elapsed = time.perf_counter() - started
    each = elapsed / result.executions * 1e3
    title = f"{symbols} symbols, {'fixed' if fixed else 'buggy'}{', a check each' if apart else ''}:"
    return (
        f"  {title:31} {result.verdict:9} {result.executions:3} executions"
        f" {elapsed * 1e3:8.1f} ms ({each:.1f} ms each; set-up and shrinking are in it)"
    )


def nothing_stopped(statuses: tuple[str, ...]) -> bool:
    """Return whether every bot is still active."""
    return "STOPPED" not in statuses


def main() -> None:
    """Print one to four symbols, buggy and fixed."""
    simharness.explore(race(1, fixed=True))  # imports, and compiled code in its cache
    for fixed in (False, True):
        for symbols in (1, 2, 3, 4):
            print(row(symbols, fixed=fixed))
        for symbols in (1, 2, 3, 4):
            print(row(symbols, fixed=fixed, apart=True))
