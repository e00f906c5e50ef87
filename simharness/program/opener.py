"""Sets up a plain program in another process, which then executes a part of its search."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

from simharness.errors import ScenarioError
from simharness.explore.campaign import as_key
from simharness.explore.parallel.worker import Workplace
from simharness.program.setup import Setup
from simharness.program.stage import program_staged


@dataclass(frozen=True, slots=True)
class ProgramOpener:
    """Opens a workplace for a program.

    Args:
        setup: the program and the terms on which it runs.
        strikes: at most so many faults strike, of those that could.

    Raises:
        ScenarioError: the program is of the script that was started, which has another name everywhere else.
    """

    setup: Setup
    strikes: int

    def __post_init__(self) -> None:
        if self.setup.function.__module__ == "__main__":
            raise ScenarioError("several processes need a program that each of them can import: put it into a module")

    def __call__(self) -> AbstractContextManager[Workplace]:
        """Return what sets up the program in this process while it is entered."""
        return _opened(self)


@contextmanager
def _opened(opener: ProgramOpener) -> Iterator[Workplace]:
    with program_staged(opener.setup) as stage:
        yield Workplace(partial(stage.program, opener.strikes), as_key, stage.notes)
