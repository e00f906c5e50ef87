"""What is noticed beside the executions, and has to be known wherever a verdict is given.

A search may be in several processes at once, or in one after the other when it was interrupted. Each notices on its own
what is invisible to the reduction, what is tracked coarsely, and which commands were refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Notes:
    """What other processes have noticed.

    Args:
        holes: what is invisible, one sentence each.
        coarse: where steps count as touching more than they do, one sentence each.
    """

    holes: set[str] = field(default_factory=set)
    coarse: set[str] = field(default_factory=set)

    def add(self, holes: Any, coarse: Any) -> None:
        """Add more."""
        self.holes.update(holes)
        self.coarse.update(coarse)
