"""Sets up a case in another process, which then executes a part of its search."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from simharness.core.canonical import canonical
from simharness.explore.parallel.worker import Workplace
from simharness.runner.setting import located, setting_of, system_of
from simharness.world.stage import staged

if TYPE_CHECKING:
    from simharness.scenario.case import Case


@dataclass(frozen=True, slots=True)
class CaseOpener:
    """Opens a workplace for a case.

    Args:
        case: the case.
        faults: at most so many strike in one execution.
    """

    case: Case
    faults: int

    def __call__(self) -> AbstractContextManager[Workplace]:
        """Return what sets up the case in this process while it is entered."""
        return _opened(self.case, self.faults)


@contextmanager
def _opened(case: Case, faults: int) -> Iterator[Workplace]:
    setting = setting_of(case)
    with located(case), staged(setting, system_of(case)) as stage:
        executed = stage.with_fewer_faults(faults) if faults < case.explore.faults else stage
        yield Workplace(executed.program, outcome_digest, stage.notes)


def outcome_digest(outcome: Any) -> str:
    """Return a text for a final state: what is kept and sent is how often each came out, not the states."""
    return blake2b(canonical(outcome).encode(), digest_size=8).hexdigest()
