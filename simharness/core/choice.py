"""The one door for every choice of data: fault outcomes, fill sizes, ``world.choose``.

Which step comes next is the explorer's own question. Everything else that is not determined goes through
:meth:`StepChooser.choose`, inside the step that needs to know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ChoicePoint:
    """One question with a finite number of answers.

    Args:
        place: stable name of the question, for schedules and timelines.
        options: the answers; the first is what happens when nobody interferes.
        fault: whether any answer but the first costs one fault of the budget.
    """

    place: str
    options: tuple[str, ...]
    fault: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A question with the answer that was taken."""

    point: ChoicePoint
    value: int

    @property
    def option(self) -> str:
        """The text of the answer."""
        return self.point.options[self.value]


class Chooser(Protocol):
    """Answers choice points."""

    def choose(self, point: ChoicePoint) -> int:
        """Return the index of the answer."""


Source = Callable[[ChoicePoint], int]
"""Gives the index of an answer to a question that nobody prescribed: how sampling answers."""


class StepChooser:
    """Answers the choice points of one step from a list, then from the source, and remembers all of it.

    Without a source every question beyond the list is answered with the first option.

    Args:
        faults: how many answers other than the first may be taken at points that are faults, per execution.
        strikes: a smaller number that holds instead; questions keep the places that they have with ``faults``.
    """

    def __init__(self, faults: int = 0, strikes: int | None = None) -> None:
        self._faults = faults
        self.faults_left = faults if strikes is None else strikes
        self.values: list[int] = []
        self.options: list[int] = []
        self.history: list[Choice] = []
        self.source: Source | None = None
        self._prescribed: tuple[int, ...] = ()

    def begin(self, values: tuple[int, ...]) -> None:
        """Prescribe the answers of the step that starts now."""
        self._prescribed = values
        self.values = []
        self.options = []

    def choose(self, point: ChoicePoint) -> int:
        """Return the prescribed answer, or beyond the list that of the source (0 if there is none).

        Raises:
            IndexError: the answer does not exist here; the caller reports a divergence.
        """
        if len(point.options) < 2 or (point.fault and not self._faults):
            return 0
        if point.fault and not self.faults_left:
            # The question keeps its place when the budget is spent. If it vanished, two independent fault points
            # would know of each other: the second would ask or not, depending on what the first was told.
            self.values.append(0)
            self.options.append(1)
            return 0
        position = len(self.values)
        if position < len(self._prescribed):
            value = self._prescribed[position]
        else:
            value = 0 if self.source is None else self.source(point)
        if value >= len(point.options):
            raise IndexError(f"choice {point.place!r} has no option {value}")
        if point.fault and value:
            self.faults_left -= 1
        self.values.append(value)
        self.options.append(len(point.options))
        self.history.append(Choice(point, value))
        return value
