"""A search that several share finds what one finds, each interleaving once, in whatever order their reports arrive."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from published_programs import build as published
from random_programs import build, generate
from shared_search import explore_shared

from simharness.explore.dpor import OptimalExplorer
from simharness.explore.parallel.tree import Place, Reversal, Tree
from simharness.explore.wakeup import match
from simharness.loop.execution import Semantics
from simharness.loop.garbage import collected_between_executions
from simharness.loop.primitives import tracked_asyncio
from simharness.program.execution import ProgramExecution, ProgramFunction

DATA = json.loads((Path(__file__).parents[1] / "data" / "trace_counts.json").read_text())
PROGRAMS = int(os.environ.get("SIMHARNESS_FUZZ_SHARED", "50"))
CAP = 60


@pytest.fixture(autouse=True)
def _tracked() -> Iterator[None]:
    with tracked_asyncio(), collected_between_executions():
        yield


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize(
    ("name", "n", "expected"),
    [
        (program["name"], 0 if n == "-" else int(n), expected)
        for program in DATA["programs"]
        for n, expected in program["counts"].items()
        if expected <= 70
    ],
)
def test_a_published_program_has_its_number_of_executions_whoever_executes_them(
    name: str, n: int, expected: int, width: int
) -> None:
    program = partial(ProgramExecution, published(name, n), semantics=Semantics.ANY_ORDER)
    shared = explore_shared(program, width, seed=n)
    assert (len(shared.fingerprints), len(set(shared.fingerprints)), shared.blocked) == (expected, expected, 0)


def random_program(seed: int) -> ProgramFunction:
    larger = seed % 15 == 0
    return build(generate(random.Random(seed), budget=3 if larger else 2, depth=2 if larger else 1))


def wrong(seed: int, **options: Any) -> str | None:
    """Return how a shared search of the random program differs; None if it does not, or if the program is large."""
    program = partial(ProgramExecution, random_program(seed), faults=1)
    alone = OptimalExplorer(program)
    if sum(1 for _ in islice(alone.executions(), CAP)) == CAP:
        return None
    shared = explore_shared(program, seed=seed, **options)
    missed = len(alone.statistics.fingerprints - set(shared.fingerprints))
    if missed or not shared.exact() or shared.blocked != alone.statistics.blocked:
        return f"{missed} missed, {shared.blocked} blocked, all different: {shared.exact()}"
    return None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # coroutines of abandoned executions are never awaited
@pytest.mark.parametrize("width", [2, 4])
def test_random_programs_have_the_same_interleavings(width: int) -> None:
    assert not {seed: found for seed in range(PROGRAMS) if (found := wrong(seed, width=width))}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # as above
def test_a_search_may_change_hands_and_be_interrupted_anywhere() -> None:
    """First in one process, then shared, written down and read again now and then."""
    found = {}
    for seed in range(PROGRAMS // 2):
        if (complaint := wrong(seed, width=2, alone=1 + seed % 7, restarts=0.2)) is not None:
            found[seed] = complaint
    assert not found


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # as above
def test_what_arrives_late_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A branch that has begun is not complete: were it taken for that, orders were missed."""
    insert = Tree._insert

    def deaf(self: Tree, way: list[Place], reversal: Reversal) -> None:
        siblings = (way[reversal.depth - 1] if reversal.depth else self.root).children
        left = list(range(len(reversal.sequence.events)))
        for child in siblings[siblings.index(way[reversal.depth]) + 1 :]:
            begun = child.owed < child.open or not child.open
            if begun and match(child.event, reversal.sequence, left, set(left)) is not None:
                return
        insert(self, way, reversal)

    monkeypatch.setattr(Tree, "_insert", deaf)
    # Seeds of which it is known: of the first 250, these and 18 others miss something.
    assert all(wrong(seed, width=3) for seed in (9, 61, 81, 86))
