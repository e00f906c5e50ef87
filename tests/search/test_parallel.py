"""One search in several processes: the same totals as in one, and a clear word when a process is lost."""

from __future__ import annotations

import multiprocessing
from itertools import islice
from pathlib import Path as File
from typing import Any

import pytest
import workplaces
from workplaces import Opener

from simharness.core import trace
from simharness.core.step import Step
from simharness.core.trace import HappensBefore
from simharness.errors import ScenarioError, SimharnessError
from simharness.explore.campaign import Campaign, Limits
from simharness.explore.checkpoint import Checkpoint
from simharness.explore.exhaustive.dpor import DporSearch
from simharness.explore.parallel.search import ParallelSearch, thaw_shared
from simharness.explore.replay import Path, path_of, walk
from simharness.explore.strategy import build

WORDS = ("ww", "r", "w")


def alone(opener: Opener) -> DporSearch:
    search = build("dpor", opener.program, seed=0)
    assert isinstance(search, DporSearch)
    return search


def together(opener: Opener, jobs: int, **options: Any) -> ParallelSearch:
    return ParallelSearch(opener.program, opener, jobs, alone(opener), patience_s=0.0, **options)


def totals(search: DporSearch | ParallelSearch) -> tuple[Any, ...]:
    statistics = search.statistics
    return statistics.executions, statistics.blocked, statistics.duplicates, statistics.fingerprints, search.exhausted


def again(opener: Opener, path: Path) -> list[Step]:
    """Execute here what was executed elsewhere."""
    execution, _ = walk(opener.program, path)
    execution.close()
    return execution.steps


def test_the_number_of_processes_makes_no_difference() -> None:
    """Executions, traces and their fingerprints are those of one process; and others really took part."""
    opener = Opener(WORDS)
    expected = alone(opener)
    for _ in expected.executions():
        pass
    for jobs in (1, 2, 3):
        who: set[str] = set()
        search = together(opener, jobs, learn=who.add)
        # The first one is of this process, as long as nobody else is ready.
        paths = [getattr(each, "path", None) or path_of(each.steps) for each in search.executions()]
        assert totals(search) == totals(expected)
        prints = {trace.fingerprint(steps, HappensBefore(steps)) for path in paths if (steps := again(opener, path))}
        assert prints == expected.statistics.fingerprints
        assert 1 <= len(who) <= jobs
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("words", [("w",) * 5, ("ww", "ww", "ww"), ("w", "w", "r", "r", "r", "r"), ("wwww", "wwww")])
def test_half_way_several_processes_know_how_much_is_left(words: tuple[str, ...]) -> None:
    opener = Opener(words)
    search = together(opener, 2)
    forecasts = [search.estimate(float(number)) for number, _ in enumerate(search.executions(), 1)]
    count = len(forecasts)
    for number, (low, high, eta_s) in enumerate(forecasts, 1):
        assert low is not None
        assert high is not None
        assert eta_s is not None
        assert number <= low <= high
        assert eta_s >= 0
    low, high, eta_s = forecasts[count // 2 - 1]
    assert low is not None
    assert high is not None
    assert eta_s is not None
    assert low <= count <= high
    assert count / 3 <= count // 2 + eta_s <= count * 3  # a second for each execution
    assert search.estimate(9.0) == (count, count, 0.0)


def test_a_patient_search_asks_nobody() -> None:
    opener = Opener(("w", "r"))
    search = ParallelSearch(opener.program, opener, 2, alone(opener), patience_s=60.0)
    for _ in search.executions():
        assert not multiprocessing.active_children()
    assert search.exhausted


def test_leaving_the_search_ends_the_other_processes() -> None:
    search = together(Opener(WORDS), 2)
    executions = search.executions()
    list(islice(executions, 3))
    assert len(multiprocessing.active_children()) == 2
    executions.close()
    assert not multiprocessing.active_children()
    assert not search.exhausted


@pytest.mark.parametrize(
    ("mishap", "message"),
    [(workplaces.killed, "ended by signal 9"), (workplaces.mistaken, "ValueError: a mistake in the program")],
)
def test_a_lost_process_is_an_error_and_no_verdict(mishap: Any, message: str) -> None:
    with pytest.raises(SimharnessError, match=message):
        for _ in together(Opener(WORDS, mishap), 2).executions():
            pass
    assert not multiprocessing.active_children()


def test_a_program_that_other_processes_cannot_find_is_refused() -> None:
    opener = Opener(WORDS, mishap=lambda: None)
    with pytest.raises(ScenarioError, match="each of them can import"):
        for _ in together(opener, 2).executions():
            pass


def test_an_interrupted_search_of_several_goes_on_with_equal_totals(tmp_path: File) -> None:
    """After 3 executions, then after 3 more, then to the end; each time with other processes."""
    opener = Opener(WORDS)
    expected = Campaign(opener.program, alone(opener), summarise=repr)
    expected.run()
    checkpoint = Checkpoint(tmp_path / "checkpoint.json", "shared", "code")
    search: Any = together(opener, 2)
    payload = None
    for executions in (3, 6, None):
        campaign = Campaign(opener.program, search, Limits(executions), checkpoint=checkpoint, summarise=repr)
        if payload is not None:
            campaign.thaw(payload)
        campaign.run()
        if executions is None:
            break
        with pytest.raises(ScenarioError, match="--jobs 2"):
            checkpoint.resume(opener.program)
        search, payload = checkpoint.resume(
            opener.program, lambda form: ParallelSearch(opener.program, opener, 2, thaw_shared(form))
        )
        low, high, _ = search.estimate(1.0)
        assert executions < low <= expected.search.statistics.executions <= high
    assert totals(search) == totals(expected.search)  # type: ignore[arg-type]  # it is a DporSearch
    assert campaign.outcomes == expected.outcomes
    assert not checkpoint.file.exists()
    assert list(tmp_path.iterdir()) == []
