"""The names that a scenario may use, gathered from where each is at home."""

from __future__ import annotations

from simharness.core import catalog
from simharness.faults.registry import all_faults
from simharness.world.setting import ENGINES, ISOLATION

__all__ = ["ACTIONS", "ENGINES", "ISOLATION", "MARKETS", "METHODS", "VERDICTS", "fault_names", "invariant_words"]

MARKETS: tuple[str, ...] = ("scripted",)
VERDICTS: tuple[str, ...] = ("proven", "passed", "violated", "inconclusive")
METHODS: tuple[str, ...] = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
# What shipped systems understand; a system of the user's may understand more.
ACTIONS: tuple[str, ...] = ("rest", "venue", "call")


def invariant_words() -> tuple[str, ...]:
    """Return every id and every name of an invariant, ids first."""
    return (*(entry.id for entry in catalog.INVARIANTS), *(entry.name for entry in catalog.INVARIANTS))


def fault_names() -> dict[str, str]:
    """Return name → one line for every fault that can be injected."""
    return {name: fault.about for name, fault in sorted(all_faults().items())}
