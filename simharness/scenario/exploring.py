"""How a scenario is searched, and which of its cases are searched in another way."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from simharness.core.catalog import FRAMES, SEMANTICS, STRATEGIES
from simharness.core.time import parse_duration_ns
from simharness.scenario.element import Element, known
from simharness.scenario.value import Duration, Options, wrong


class Search(Element):
    """How to search. Times are text (``60s``); ``time`` is wall time, ``horizon`` virtual time."""

    strategy: str = "dpor"
    semantics: str = "stock"
    frames: str = "any"
    faults: int = Field(default=0, ge=0)
    executions: int | None = Field(default=None, ge=1)
    after_violation: int | None = Field(default=None, ge=0)
    time: Duration | None = None
    horizon: Duration = "10m"
    reversals: int | None = Field(default=None, ge=0)
    delays: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (problem := self.contradiction) is not None:
            raise wrong(problem)
        return self

    @property
    def contradiction(self) -> str | None:
        """What in it does not go together, as a message."""
        if self.reversals is not None and self.delays is not None:
            return "`reversals` and `delays` are two ways to bound a search; leave one of them out"
        if self.bounded and self.strategy != "dpor":
            return f"`reversals` and `delays` bound the exhaustive search, not the strategy {self.strategy!r}"
        return None

    @property
    def bounded(self) -> bool:
        """Whether the search is bounded by reversals or delays."""
        return (self.reversals, self.delays) != (None, None)

    @field_validator("strategy", mode="before")
    @classmethod
    def _known_strategy(cls, value: Any) -> Any:
        return known("strategy", value, tuple(STRATEGIES))

    @field_validator("semantics", mode="before")
    @classmethod
    def _known_semantics(cls, value: Any) -> Any:
        return known("semantics", value, tuple(SEMANTICS))

    @field_validator("frames", mode="before")
    @classmethod
    def _known_frames(cls, value: Any) -> Any:
        return known("frames", value, tuple(FRAMES))

    @property
    def time_ns(self) -> int | None:
        """The limit of wall time in nanoseconds; None for no limit."""
        return None if self.time is None else parse_duration_ns(self.time)

    @property
    def horizon_ns(self) -> int:
        """The virtual time at which an execution is cut off, in nanoseconds."""
        return parse_duration_ns(self.horizon)


class Apart(Search):
    """What differs in the search of some cases; what is not written stays as it is for the others.

    Args:
        case: for each named matrix key the values of those cases.
    """

    case: dict[str, Options]

    def matches(self, values: dict[str, str]) -> bool:
        """Return whether it speaks of the case with these matrix values."""
        return all(values.get(key) in options for key, options in self.case.items())


class Explore(Search):
    """How to search, and ``cases`` for what is searched in another way: a variant that must hold to its end, say."""

    cases: tuple[Apart, ...] = ()

    def merged(self, apart: Apart) -> Search:
        """Return the whole search of the cases that ``apart`` speaks of; it may contradict itself."""
        written = apart.model_fields_set - {"case"}
        return self.model_copy(update={key: getattr(apart, key) for key in sorted(written)})

    def of(self, values: dict[str, str]) -> Search:
        """Return how the case with these matrix values is searched."""
        return next((self.merged(apart) for apart in self.cases if apart.matches(values)), self)
