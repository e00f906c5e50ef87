"""Deterministic simulation of trading bots, and of any asyncio program, under every interleaving."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simharness.instrument import shared
    from simharness.program.api import explore, replay
    from simharness.program.drawing import timeline
    from simharness.program.result import Replayed, Result, Violation
    from simharness.program.world import current_world as world

__all__ = ["Replayed", "Result", "Violation", "explore", "replay", "shared", "timeline", "world"]

# Late: `simharness --help` must not pay for what it does not use.
_HOMES = {
    "Replayed": ("simharness.program.result", "Replayed"),
    "Result": ("simharness.program.result", "Result"),
    "Violation": ("simharness.program.result", "Violation"),
    "explore": ("simharness.program.api", "explore"),
    "replay": ("simharness.program.api", "replay"),
    "shared": ("simharness.instrument", "shared"),
    "timeline": ("simharness.program.drawing", "timeline"),
    "world": ("simharness.program.world", "current_world"),
}


def _load(name: str) -> Any:
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


class _Package(ModuleType):
    """Lets the functions ``explore`` and ``world`` stand beside the wings of the same names.

    When a wing is imported, Python assigns it to an attribute of this package. The functions are what users mean by
    ``simharness.explore``; ``from simharness.explore import …`` finds the wing all the same.
    """

    @property
    def explore(self) -> Any:
        """The function."""
        return _load("explore")

    @explore.setter
    def explore(self, wing: ModuleType) -> None:
        """Leave the function where it is."""

    @property
    def world(self) -> Any:
        """The function."""
        return _load("world")

    @world.setter
    def world(self, wing: ModuleType) -> None:
        """Leave the function where it is."""


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'simharness' has no attribute {name!r}")
    value = globals()[name] = _load(name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
