"""What the sampling strategies promise beyond being random."""

from __future__ import annotations

import random
from itertools import groupby

import pytest
from search_programs import accesses, first, program, spinning

from simharness.core.choice import ChoicePoint
from simharness.core.footprint import EMPTY, Footprint
from simharness.core.name import static
from simharness.core.step import Kind, Step
from simharness.errors import SpinningProgram
from simharness.explore.sampling.answers import RandomAnswers, SwarmAnswers
from simharness.explore.sampling.pct import ConcurrencyTesting
from simharness.explore.sampling.pos import PartialOrderSampling
from simharness.explore.strategy import build

SEEDS = range(5)


def _classes(strategy: str, count: int) -> int:
    """Return how many interleavings all seeds together see of one write among many reads, which has 13."""
    found = 0
    for seed in SEEDS:
        search = build(strategy, program(accesses("r" * 12, "w")), seed=seed)
        for _ in first(search, count):
            pass
        found += search.statistics.traces
    return found


def test_partial_order_sampling_covers_more_interleavings_than_a_random_walk() -> None:
    """A walk hardly ever lets the write wait for the last reads."""
    assert _classes("pos", 60) > _classes("random", 60)


def test_partial_order_sampling_covers_what_there_is() -> None:
    search = build("pos", program(accesses("rr", "w", "r")), seed=0)
    for _ in first(search, 300):
        pass
    assert search.statistics.traces == 6  # the write comes after 0, 1 or 2 reads of one task and 0 or 1 of the other


class Counting(random.Random):
    """Counts how often it was asked."""

    asked = 0

    def random(self) -> float:
        """Return a number that nobody expects."""
        self.asked += 1
        return super().random()


def test_only_what_races_with_the_step_that_ran_gets_a_new_priority() -> None:
    rng = Counting(0)
    policy = PartialOrderSampling(rng)
    key, other = static("key"), static("other key")
    footprints = {
        static("writer"): Footprint(writes=frozenset({key})),
        static("reader"): Footprint(reads=frozenset({key})),
        static("stranger"): Footprint(writes=frozenset({other})),
    }
    writer, everyone = static("writer"), list(footprints)
    policy.begin()
    for process in everyone:
        policy.ran(Step(process, 0, Kind.HANDLE, None, "", footprints[process], None), [process])
    policy.begin()
    policy.pick(everyone)
    assert rng.asked == 3
    policy.ran(Step(writer, 0, Kind.HANDLE, None, "", footprints[writer], None), everyone)
    policy.pick(everyone)
    assert rng.asked == 3 + 2  # the writer's next step and the reader's, not the stranger's


@pytest.mark.parametrize("strategy", ["pos", "pct", "random", "swarm"])
def test_no_sampling_strategy_starves_a_program_that_spins(strategy: str) -> None:
    search = build(strategy, program(spinning, max_steps=5_000), seed=0)
    assert all(execution.conclude()[1] == () for execution in first(search, 100))


def test_priorities_without_an_end_do_starve_a_program_that_spins() -> None:
    """The test above would be worth nothing if this program could not be starved."""
    search = build("pct", program(spinning, max_steps=5_000), seed=0, length=10_000, depth=1)
    with pytest.raises(SpinningProgram):
        for _ in first(search, 20):
            pass


def test_a_change_of_priority_puts_the_running_process_below_all_others() -> None:
    """With one change in a hundred steps the favourite goes until the change, and never after it."""
    policy = ConcurrencyTesting(random.Random(3), depth=2, length=100)
    policy.begin()
    both = [static("process a"), static("process b")]
    picks = []
    for _ in range(100):
        process = policy.pick(both)
        policy.ran(Step(process, 0, Kind.HANDLE, None, "", EMPTY, None), both)
        picks.append(process)
    turns = [process for process, _ in groupby(picks)]
    assert turns in (both, both[::-1])


def test_a_swarm_leaves_out_kinds_of_fault_for_whole_executions() -> None:
    point = ChoicePoint("reply", ("none", "lost", "late", "twice"), fault=True)

    def struck(answers: RandomAnswers) -> set[frozenset[int]]:
        seen = set()
        for _ in range(40):
            answers.begin()
            seen.add(frozenset(answers.answer(point) for _ in range(2_000)) - {0})
        return seen

    kinds = frozenset({1, 2, 3})
    assert struck(RandomAnswers(random.Random(0))) == {kinds}
    assert len(struck(SwarmAnswers(random.Random(0)))) == 8
