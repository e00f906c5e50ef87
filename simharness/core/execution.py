"""What an explorer needs to know about an execution, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from simharness.core.choice import Choice, Source
from simharness.core.step import Step
from simharness.core.verdict import Finding


class Execution(Protocol):
    """One run of a program, advanced one step at a time by whoever holds it."""

    steps: list[Step]

    def enabled(self) -> list[int]:
        """Return the processes that can take a step now, in base order (what stock asyncio does comes first)."""

    def label(self, process: int) -> str:
        """Return what an enabled process would do next, in a few words."""

    def step(self, process: int, values: tuple[int, ...] = ()) -> Step:
        """Let ``process`` take its next step, with these answers to its data choices, and return the step."""

    def choices(self) -> list[Choice]:
        """Return the data choices taken so far, in order."""

    def draw_with(self, source: Source) -> None:
        """Let ``source`` answer the data choices that ``step`` is given no answer for, instead of the first option."""

    def conclude(self) -> tuple[Any, tuple[Finding, ...]]:
        """Return the outcome and what is wrong with it; only when nothing is enabled any more."""

    def close(self) -> None:
        """Release everything; allowed at any moment, also half-way."""


Program = Callable[[], Execution]
"""Starts a new execution from the beginning; each must behave equally for equal schedules."""
