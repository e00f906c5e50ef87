"""What a search counts."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Statistics:
    """Counts of a search, equal for equal programs on every machine."""

    executions: int = 0
    blocked: int = 0
    duplicates: int = 0
    probes: int = 0
    steps: int = 0
    fingerprints: set[int] = field(default_factory=set)

    @property
    def traces(self) -> int:
        """Number of different interleavings that were executed."""
        return len(self.fingerprints)
