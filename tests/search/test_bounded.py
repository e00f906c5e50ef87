"""Searches that are bounded by reversals or delays, level by level."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from search_programs import accesses, asking, bot_update, program

import simharness
from simharness.core import trace
from simharness.core.trace import HappensBefore
from simharness.errors import ScenarioError
from simharness.explore.bounded import BoundedSearch, DelaySearch, ReversalSearch
from simharness.explore.brute import every_execution
from simharness.explore.dpor import OptimalExplorer
from simharness.explore.replay import path_of, walk

PROGRAMS: dict[str, Callable[[], Any]] = {
    "two writers": accesses("w", "w"),
    "writers and a reader": accesses("ww", "w", "r"),
    "the canonical race": bot_update(commit_first=False),
    "questions": asking,
}


def traces(search: BoundedSearch) -> set[int]:
    for _ in search.executions():
        pass
    assert not search.exhausted
    return search.statistics.fingerprints


@pytest.mark.parametrize("name", PROGRAMS)
def test_enough_reversals_lead_to_every_interleaving(name: str) -> None:
    explorer = OptimalExplorer(program(PROGRAMS[name], faults=1))
    for _ in explorer.executions():
        pass
    levels = [traces(ReversalSearch(program(PROGRAMS[name], faults=1), bound)) for bound in range(8)]
    assert levels[-1] == explorer.statistics.fingerprints
    assert all(less <= more for less, more in pairwise(levels))
    assert len(levels[0]) < len(levels[-1]) or name == "questions"


@pytest.mark.parametrize("name", ["two writers", "questions"])
def test_delays_count_how_many_processes_a_schedule_passes_over(name: str) -> None:
    """Against all schedules, counted by hand."""
    make = program(PROGRAMS[name], faults=1)
    by_delays: Counter[int] = Counter()
    fingerprints: dict[int, set[int]] = {}
    for execution in every_execution(make):
        path = path_of(execution.steps)
        found = trace.fingerprint(execution.steps, HappensBefore(execution.steps))
        again, schedule = walk(make, path)
        again.close()
        delays = sum(deviation.index for deviation in schedule.deviations)
        by_delays[delays] += 1
        fingerprints.setdefault(delays, set()).add(found)
    for bound in range(4):
        search = DelaySearch(make, bound)
        expected = set().union(*(fingerprints.get(delays, set()) for delays in range(bound + 1)))
        assert traces(search) == expected
        assert search.statistics.executions == sum(by_delays[delays] for delays in range(bound + 1))


async def three_questions() -> list[int]:
    """Ask one after the other."""
    world = simharness.world()
    return [await world.call(lambda: world.choose(("no", "yes"))) == "yes" for _ in range(3)]


def test_a_beginning_is_executed_once() -> None:
    """Eight ways to answer; executions that share a beginning ask for the same changes to it, and get them once."""
    result = simharness.explore(three_questions, reversals=2)
    assert (result.traces, result.executions) == (8, 8)


async def out_of_order() -> str:
    """Return the order in which three calls reach the outside."""
    world = simharness.world()
    seen: list[str] = []

    async def ask(name: str) -> None:
        await world.call(lambda: seen.append(name))

    await asyncio.gather(*(ask(name) for name in "abc"))
    return "".join(seen)


@pytest.mark.parametrize(("measure", "enough"), [("reversals", 20), ("delays", 3)])
def test_a_bounded_search_passes_or_refutes_and_never_proves(measure: str, enough: int) -> None:
    result = simharness.explore(out_of_order, **{measure: enough})
    assert (result.verdict, result.certificate.exhausted) == ("passed", False)
    assert result.certificate.bounds == (f"{measure} ≤ {enough}",)
    assert set(result.outcomes) == set(simharness.explore(out_of_order).outcomes)
    ordinary = simharness.explore(out_of_order, check=lambda seen: seen == "abc", **{measure: 0})
    assert (ordinary.verdict, ordinary.executions) == ("passed", 1)
    refuted = simharness.explore(out_of_order, check=lambda seen: seen == "abc", **{measure: 1})
    assert refuted.verdict == "violated"
    assert simharness.replay(out_of_order, refuted.violations[0].token, check=lambda seen: seen == "abc").happened_again


def test_a_limit_says_up_to_which_level_the_search_was_complete() -> None:
    result = simharness.explore(out_of_order, reversals=50, executions=3)
    assert result.verdict == "passed"
    assert result.certificate.bounds == ("executions ≤ 3", "reversals ≤ 50, complete for ≤ 0")
    once = simharness.explore(out_of_order, delays=50, executions=1)
    assert once.certificate.bounds == ("executions ≤ 1", "delays ≤ 50, complete for none yet")


@pytest.mark.parametrize("options", [{"horizon": "5 parsecs"}, {"time": "soon"}, {"latency": ("1ms", "2")}])
def test_what_is_no_duration_is_named_and_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError, match=f"^{next(iter(options))}: not a duration"):
        simharness.explore(out_of_order, **options)


@pytest.mark.parametrize("options", [{"strategy": "pos"}, {"delays": 1}, {"reversals": -1}])
def test_bounds_that_make_no_sense_together_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError):
        simharness.explore(out_of_order, **{"reversals": 1, **options})
