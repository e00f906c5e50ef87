"""Sets up a plain program in another process, which then executes a part of its search."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

from simharness.core.step import Window
from simharness.errors import ScenarioError
from simharness.explore.campaign import as_key
from simharness.explore.parallel.worker import Workplace
from simharness.loop.execution import Semantics
from simharness.program.execution import Check, Checks, ProgramFunction
from simharness.program.stage import ProgramStage, program_staged


@dataclass(frozen=True, slots=True)
class ProgramOpener:
    """Opens a workplace for a program; the arguments are those of ``program_staged``.

    Args:
        strikes: at most so many faults strike, of the ``faults`` that could.
    """

    function: ProgramFunction
    check: Check | Checks | None
    semantics: Semantics
    faults: int
    horizon_ns: int | None
    latency: Window | None
    packages: tuple[str, ...]
    strikes: int

    @classmethod
    def of(cls, stage: ProgramStage, packages: tuple[str, ...], strikes: int) -> ProgramOpener:
        """Return what sets up elsewhere what is on ``stage`` here.

        Raises:
            ScenarioError: the program is of the script that was started, which has another name everywhere else.
        """
        if stage.function.__module__ == "__main__":
            raise ScenarioError("several processes need a program that each of them can import: put it into a module")
        return cls(
            stage.function,
            stage.check,
            stage.semantics,
            stage.faults,
            stage.horizon_ns,
            stage.latency,
            packages,
            strikes,
        )

    def __call__(self) -> AbstractContextManager[Workplace]:
        """Return what sets up the program in this process while it is entered."""
        return _opened(self)


@contextmanager
def _opened(opener: ProgramOpener) -> Iterator[Workplace]:
    with program_staged(
        opener.function,
        opener.check,
        semantics=opener.semantics,
        faults=opener.faults,
        horizon_ns=opener.horizon_ns,
        latency=opener.latency,
        packages=opener.packages,
    ) as stage:
        yield Workplace(partial(stage.program, opener.strikes), as_key)
