"""An event that was withdrawn takes its turn and does nothing; that it does nothing depends on who withdrew it."""

from __future__ import annotations

from functools import partial
from typing import Any

from simharness.core import name
from simharness.core.agenda import WorldEvent
from simharness.core.footprint import recorder
from simharness.core.step import Kind
from simharness.core.verdict import Finding
from simharness.explore.brute import every_execution
from simharness.explore.dpor import OptimalExplorer
from simharness.loop.execution import LoopExecution

_SHARED = name.static("shared")


class Withdrawing(LoopExecution):
    """Three events on one key; one withdraws another, if it is not too late."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []
        self.call(self._offer_all)

    def _offer_all(self) -> None:
        for word in ("withdraws", "first", "second"):
            self.loop.offer(WorldEvent(name.static(word), Kind.EXECUTE, word, partial(self._act, word)))

    def _act(self, word: str) -> None:
        recorder.write(_SHARED)
        self.log.append(word)
        if word == "withdraws":
            self.loop.withdraw(name.static("first"))

    def conclude(self) -> tuple[Any, tuple[Finding, ...]]:
        return tuple(self.log), ()


def test_the_reduced_search_finds_what_brute_force_finds() -> None:
    reduced = {execution.conclude()[0] for execution in OptimalExplorer(Withdrawing).executions()}
    every = {execution.conclude()[0] for execution in every_execution(Withdrawing)}
    assert reduced == every
    assert ("withdraws", "second") in reduced
