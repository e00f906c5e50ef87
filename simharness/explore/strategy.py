"""The strategies by name, and what every search has in common.

A strategy is one file in ``explore/exhaustive`` or ``explore/sampling`` that exports ``STRATEGY``; nothing else has to
be told about it.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Protocol, runtime_checkable

from simharness.core.execution import Execution, Program
from simharness.errors import ScenarioError
from simharness.explore.estimate import Coverage, Forecast
from simharness.explore.statistics import Statistics


class Search(Protocol):
    """Hands out complete executions of a program, one after the other."""

    @property
    def statistics(self) -> Statistics:
        """The counts so far."""

    @property
    def exhausted(self) -> bool:
        """Whether every interleaving was executed. Never true of sampling, and never before the iterator has ended."""

    def executions(self) -> Iterator[Execution]:
        """Yield complete executions; the consumer reads them and neither steps nor closes them."""

    def estimate(self, elapsed_s: float) -> Forecast:
        """Return how many executions there will be in all; ``elapsed_s`` is the wall time that those so far took."""

    def coverage(self) -> Coverage | None:
        """Return how much of the interleavings was seen, estimated from a sample; None for exhaustive searches."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What another process made of an outcome that stays there.

    Args:
        key: under which it is counted.
    """

    key: Hashable


@runtime_checkable
class LastingSearch(Search, Protocol):
    """A search that can be written down while it hands out an execution, and go on later; see ``checkpoint``."""

    def freeze(self) -> dict[str, Any]:
        """Return its state as JSON."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to search.

    Args:
        name: for scenarios and options.
        exhaustive: whether it ends, with every interleaving executed.
        build: makes the search from a program, a source of chance and the options of the strategy.
    """

    name: str
    exhaustive: bool
    build: Callable[..., Search]


@cache
def strategies() -> dict[str, Strategy]:
    """Return every strategy by name, sorted.

    Raises:
        TypeError: two files export strategies of one name.
    """
    found: dict[str, Strategy] = {}
    for folder in ("exhaustive", "sampling"):
        package = importlib.import_module(f"simharness.explore.{folder}")
        for module in pkgutil.iter_modules(package.__path__):
            strategy = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "STRATEGY", None)
            if not isinstance(strategy, Strategy):
                continue  # what the strategies of the folder share
            if strategy.name in found:
                raise TypeError(f"two strategies are called {strategy.name!r}; the second is in {module.name}.py")
            found[strategy.name] = strategy
    return dict(sorted(found.items()))


def build(strategy: str, program: Program, *, seed: int, **options: object) -> Search:
    """Return a search of ``program``.

    Args:
        strategy: its name.
        program: starts an execution; must record footprints.
        seed: of the chance that a sampling strategy uses; equal seeds give equal searches.
        options: of the strategy, such as ``depth`` for ``pct``.

    Raises:
        ScenarioError: there is no such strategy; the message suggests a near one.
    """
    known = strategies()
    if strategy not in known:
        near = get_close_matches(strategy, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known strategies: {', '.join(known)}"
        raise ScenarioError(f"unknown strategy {strategy!r}; {hint}")
    return known[strategy].build(program, random.Random(seed), **options)
