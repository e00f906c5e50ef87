"""However a search goes on, there is one running execution: a database has one state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from search_programs import accesses, first, one_at_a_time, program

from simharness.core.execution import Program
from simharness.explore.checkpoint import Checkpoint
from simharness.explore.component_search import ComponentSearch
from simharness.explore.exhaustive.dpor import DporSearch
from simharness.explore.frozen import ResumableExplorer
from simharness.explore.parallel.handover import shared_tree
from simharness.explore.strategy import build


def resumed(subject: Program, folder: Path) -> None:
    search = build("dpor", subject, seed=0)
    assert isinstance(search, DporSearch)
    checkpoint = Checkpoint(folder / "checkpoint.json", "subject", "code")
    for _ in first(search, 3):
        pass
    for execution in search.executions():
        checkpoint.write(search, None)
        execution.close()
        break
    again, _ = checkpoint.resume(subject)
    for _ in again.executions():
        pass


def handed_over(subject: Program, folder: Path) -> None:
    explorer = ResumableExplorer(subject)
    next(executions := explorer.executions())
    executions.close()
    assert not shared_tree(explorer).exhausted


def by_component(subject: Program, folder: Path) -> None:
    for execution in ComponentSearch(subject).executions():
        execution.conclude()


@pytest.mark.parametrize("goes_on", [resumed, handed_over, by_component])
def test_no_execution_begins_before_the_last_one_is_closed(
    goes_on: Callable[[Program, Path], Any], tmp_path: Path
) -> None:
    goes_on(one_at_a_time(program(accesses("w", "r", "w"))), tmp_path)
