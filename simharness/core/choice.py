"""The one door for every choice of data: fault outcomes, fill sizes, ``world.choose``.

Which step comes next is the explorer's own question. Everything else that is not determined goes through
:meth:`StepChooser.choose`, inside the step that needs to know.
"""

from __future__ import annotations

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


class StepChooser:
    """Answers the choice points of one step from a list, then with the first option, and remembers all of it.

    Args:
        faults: how many answers other than the first may be taken at points that are faults, per execution.
    """

    def __init__(self, faults: int = 0) -> None:
        self.faults_left = faults
        self.taken: list[Choice] = []
        self.history: list[Choice] = []
        self._prescribed: tuple[int, ...] = ()

    def begin(self, values: tuple[int, ...]) -> None:
        """Prescribe the answers of the step that starts now."""
        self._prescribed = values
        self.taken = []

    def choose(self, point: ChoicePoint) -> int:
        """Return the prescribed answer, or 0 beyond the list.

        Raises:
            IndexError: the prescribed answer does not exist here; the caller reports a divergence.
        """
        if point.fault and not self.faults_left:
            return 0
        if len(point.options) < 2:
            return 0
        position = len(self.taken)
        value = self._prescribed[position] if position < len(self._prescribed) else 0
        if value >= len(point.options):
            raise IndexError(f"choice {point.place!r} has no option {value}")
        if point.fault and value:
            self.faults_left -= 1
        choice = Choice(point, value)
        self.taken.append(choice)
        self.history.append(choice)
        return value
