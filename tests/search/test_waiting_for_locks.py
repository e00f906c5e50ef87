"""A step that waits for a lock races with whoever took the lock, not with whoever gave it back."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import Any

import pytest

from simharness.core import name
from simharness.core.agenda import WorldEvent
from simharness.core.footprint import recorder
from simharness.core.step import Kind
from simharness.core.verdict import Finding
from simharness.explore.dpor import OptimalExplorer
from simharness.loop.execution import LoopExecution

_LOCK = name.static("the lock")


class Locked(LoopExecution):
    """Actors that take one lock, do something, and give it back; who must wait is disabled, as at a database."""

    def __init__(self, actors: int, work: int) -> None:
        super().__init__()
        self.holder: int | None = None
        self.entered: list[int] = []
        for actor in range(actors):
            self._offer(actor, "take", lambda actor=actor: self._take(actor), lambda: self.holder is None)
            for number in range(work):
                self._offer(actor, f"work {number}", lambda: None, None)
            self._offer(actor, "release", self._release, None)

    def _offer(self, actor: int, label: str, action: Callable[[], None], ready: Callable[[], bool] | None) -> None:
        self.loop.offer(WorldEvent(name.static(f"actor {actor}"), Kind.EXECUTE, label, action, ready=ready))

    def _take(self, actor: int) -> None:
        recorder.write(_LOCK)
        self.holder = actor
        self.entered.append(actor)

    def _release(self) -> None:
        recorder.write(_LOCK)
        self.holder = None

    def conclude(self) -> tuple[Any, tuple[Finding, ...]]:
        return tuple(self.entered), ()


@pytest.mark.parametrize(("actors", "work"), [(2, 0), (2, 3), (3, 1), (4, 0)])
def test_a_lock_is_taken_in_every_order(actors: int, work: int) -> None:
    explorer = OptimalExplorer(lambda: Locked(actors, work))
    outcomes = [execution.conclude()[0] for execution in explorer.executions()]
    assert len(set(outcomes)) == factorial(actors)


def test_every_order_of_a_lock_is_explored_once() -> None:
    explorer = OptimalExplorer(lambda: Locked(3, 1))
    outcomes = [execution.conclude()[0] for execution in explorer.executions()]
    statistics = explorer.statistics
    assert (len(outcomes), statistics.blocked, statistics.duplicates) == (6, 0, 0)
