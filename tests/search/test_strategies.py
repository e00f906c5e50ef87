"""Every strategy has a name, finds the canonical race, and says truly whether it has seen everything."""

from __future__ import annotations

import pytest
from search_programs import accesses, asking, bot_update, first, program, spinning

from simharness.core import trace
from simharness.core.catalog import STRATEGIES
from simharness.errors import ScenarioError
from simharness.explore.replay import path_of, walk
from simharness.explore.strategy import build, strategies

SAMPLING = sorted(name for name, strategy in strategies().items() if not strategy.exhaustive)
EXHAUSTIVE = sorted(name for name, strategy in strategies().items() if strategy.exhaustive)


def _outcomes(strategy: str, *, commit_first: bool, count: int = 200) -> set[str]:
    search = build(strategy, program(bot_update(commit_first=commit_first)), seed=1)
    return {execution.conclude()[0] for execution in first(search, count)}


def test_every_strategy_of_the_catalog_can_be_built() -> None:
    assert set(STRATEGIES) <= set(strategies())


def test_a_misspelled_strategy_is_told_the_right_name() -> None:
    with pytest.raises(ScenarioError, match="unknown strategy 'dpro'; did you mean 'dpor'"):
        build("dpro", program(spinning), seed=0)


@pytest.mark.parametrize("strategy", strategies())
def test_every_strategy_finds_the_canonical_race(strategy: str) -> None:
    assert _outcomes(strategy, commit_first=False) == {"ACTIVE", "STOPPED"}


@pytest.mark.parametrize("strategy", strategies())
def test_no_strategy_finds_it_in_the_fixed_version(strategy: str) -> None:
    assert _outcomes(strategy, commit_first=True) == {"ACTIVE"}


@pytest.mark.parametrize("strategy", EXHAUSTIVE)
def test_an_exhaustive_search_is_exhausted_when_its_iterator_has_ended_and_not_before(strategy: str) -> None:
    search = build(strategy, program(accesses("w", "w")), seed=0)
    seen = [search.exhausted for _ in search.executions()]
    assert not any(seen)
    assert search.exhausted


@pytest.mark.parametrize("strategy", EXHAUSTIVE)
def test_an_exhaustive_search_that_was_left_early_is_not_exhausted(strategy: str) -> None:
    search = build(strategy, program(accesses("w", "w")), seed=0)
    assert len(list(first(search, 1))) == 1
    assert not search.exhausted


def test_a_reduced_search_that_was_left_early_goes_on_where_it_was() -> None:
    subject = program(accesses("w", "w", "r"))
    whole = build("dpor", subject, seed=0)
    everything = [trace.digest(execution.steps) for execution in whole.executions()]
    search = build("dpor", subject, seed=0)
    parts = []
    for _ in range(3):
        parts += [trace.digest(execution.steps) for execution in first(search, 1)]
    parts += [trace.digest(execution.steps) for execution in search.executions()]
    assert parts == everything
    assert (search.statistics.executions, search.statistics.blocked) == (len(everything), 0)
    assert search.exhausted


def test_brute_force_and_reduction_see_the_same_interleavings() -> None:
    found = {}
    for strategy in EXHAUSTIVE:
        search = build(strategy, program(accesses("w", "r")), seed=0)
        for _ in search.executions():
            pass
        found[strategy] = search.statistics
    assert found["brute"].fingerprints == found["dpor"].fingerprints
    assert found["dpor"].duplicates == 0
    assert found["brute"].duplicates == found["brute"].executions - found["brute"].traces > 0


@pytest.mark.parametrize("strategy", SAMPLING)
def test_a_sample_is_never_called_exhausted(strategy: str) -> None:
    search = build(strategy, program(bot_update(commit_first=True)), seed=0)
    assert sum(1 for _ in first(search, 50)) == 50
    assert not search.exhausted
    assert search.statistics.executions == 50
    assert search.estimate(1.0) == (None, None, None)


@pytest.mark.parametrize("strategy", SAMPLING)
def test_equal_seeds_give_equal_samples_and_other_seeds_others(strategy: str) -> None:
    def sample(seed: int) -> list[str]:
        search = build(strategy, program(asking, faults=1), seed=seed)
        return [trace.digest(execution.steps) for execution in first(search, 20)]

    assert sample(1) == sample(1)
    assert sample(1) != sample(2)


@pytest.mark.parametrize("strategy", SAMPLING)
def test_a_sampled_execution_is_repeated_by_its_path(strategy: str) -> None:
    subject = program(asking, faults=1)
    for execution in first(build(strategy, subject, seed=4), 30):
        again, _ = walk(subject, path_of(execution.steps))
        assert trace.digest(again.steps) == trace.digest(execution.steps)
        assert again.conclude() == execution.conclude()
        again.close()


@pytest.mark.parametrize("strategy", SAMPLING)
def test_sampling_draws_every_answer_to_a_question_of_data(strategy: str) -> None:
    search = build(strategy, program(asking, faults=1), seed=0)
    seen = {execution.conclude()[0] for execution in first(search, 600)}
    assert seen == {(number, fault) for number in range(7) for fault in ("none", "lost", "late")}


@pytest.mark.parametrize("strategy", SAMPLING)
def test_no_sample_takes_more_faults_than_the_budget(strategy: str) -> None:
    search = build(strategy, program(asking, faults=0), seed=0)
    assert {execution.conclude()[0][1] for execution in first(search, 100)} == {"none"}
