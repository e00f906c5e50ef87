"""Programs that other processes can set up: everything in here is found by name."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from search_programs import accesses, program

from simharness.core.execution import Execution, Program
from simharness.explore.parallel.worker import Workplace
from simharness.loop.guard import determinism_guard
from simharness.loop.primitives import tracked_asyncio


@dataclass(frozen=True)
class Opener:
    """Sets up writers and readers of one key.

    Args:
        words: see ``search_programs.accesses``.
        mishap: what happens in another process once it has executed something.
    """

    words: tuple[str, ...]
    mishap: Callable[[], None] | None = None

    def __call__(self) -> AbstractContextManager[Workplace]:
        """Return the workplace."""
        return _opened(self)

    @property
    def program(self) -> Program:
        """The program, in this process."""
        return program(accesses(*self.words))


@contextmanager
def _opened(opener: Opener) -> Iterator[Workplace]:
    with tracked_asyncio(), determinism_guard():
        started = 0

        def start() -> Execution:
            nonlocal started
            started += 1
            if started > 5 and opener.mishap is not None:
                opener.mishap()
            return opener.program()

        yield Workplace(start, repr, lambda: multiprocessing.current_process().name)


def killed() -> None:
    """End this process as the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def mistaken() -> None:
    """Raise what nobody expects."""
    raise ValueError("a mistake in the program")
