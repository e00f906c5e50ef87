"""Shared equipment of the tests of the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from judge import Judge


@pytest.fixture
def judge() -> Iterator[Callable[..., Judge]]:
    """Return a maker of judges; what they hold is released afterwards."""
    made: list[Judge] = []

    def make(*ids: str, keeps: tuple[str, ...] = ("orders", "executions", "positions")) -> Judge:
        made.append(Judge(ids, frozenset(keeps)))
        return made[-1]

    yield make
    for each in made:
        each.close()
