"""The typed form of a scenario. Values are frozen; money is Decimal or int, durations stay text until asked for."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, field_validator, model_validator

from simharness.core.suggest import closest, unknown
from simharness.core.time import parse_duration_ns
from simharness.faults.registry import find_fault
from simharness.scenario import names
from simharness.scenario.element import Element, known
from simharness.scenario.exploring import Explore
from simharness.scenario.value import Check, Checks, Dimension, Duration, InvariantId, Name, Options, wrong

_COMPANIONS = ("body", "args", "name", "after")
_FACTORY = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"


class Latency(Element):
    """How long messages take: anything (both None), or between two durations."""

    min: Duration | None = None
    max: Duration | None = None

    @model_validator(mode="before")
    @classmethod
    def _accept_any(cls, data: Any) -> Any:
        if data == "any":
            return {}
        if isinstance(data, dict):
            return data
        raise wrong("must be `any` or {min: …, max: …}")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_ns is not None and self.max_ns is not None and self.min_ns > self.max_ns:
            raise wrong(f"min ({self.min}) is longer than max ({self.max})")
        return self

    @property
    def min_ns(self) -> int | None:
        """The shortest latency in nanoseconds."""
        return None if self.min is None else parse_duration_ns(self.min)

    @property
    def max_ns(self) -> int | None:
        """The longest latency in nanoseconds."""
        return None if self.max is None else parse_duration_ns(self.max)

    @property
    def window_ns(self) -> tuple[int, int | None] | None:
        """The shortest and the longest latency in nanoseconds; None for any."""
        return None if self.min is None and self.max is None else (self.min_ns or 0, self.max_ns)

    @property
    def text(self) -> str:
        """As it stands in a certificate."""
        if self.min is None and self.max is None:
            return "any"
        return f"{self.min or '0s'}..{self.max or 'any'}"


class FaultSpec(Element):
    """A fault that may strike.

    Args:
        name: its name in the fault registry; hyphens are read as underscores.
        place: the method, topic or statement that it strikes; None for all that it can strike.
    """

    name: str
    place: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _accept_name(cls, data: Any) -> Any:
        if isinstance(data, str):
            name, _, place = data.partition("@")
            return {"name": name, "place": place or None}
        return data

    @field_validator("name", mode="before")
    @classmethod
    def _known_name(cls, value: Any) -> Any:
        name = value.replace("-", "_") if isinstance(value, str) else value
        return known("fault", name, tuple(names.fault_names()))

    @model_validator(mode="after")
    def _reaches_its_place(self) -> Self:
        subjects = find_fault(self.name).subjects
        if self.place is not None and subjects and self.place not in subjects:
            raise wrong(unknown(f"place for the fault {self.name!r}:", self.place, subjects))
        return self

    @property
    def text(self) -> str:
        """The form that a fault plan reads: ``reply_lost`` or ``reply_lost@create_order``."""
        return f"{self.name}@{self.place}" if self.place else self.name


class VenueSpec(Element):
    """The simulated venue."""

    markets: tuple[str, ...] = ()
    market: str = "scripted"
    latency: Latency = Latency()
    faults: tuple[FaultSpec, ...] = ()

    @field_validator("market", mode="before")
    @classmethod
    def _known_market(cls, value: Any) -> Any:
        return known("market", value, names.MARKETS)


class Given(Element):
    """One thing that exists before anything happens: ``- bot: {ticker: ETH/USDT}``.

    Args:
        kind: what it is; the system under test knows the kinds.
        values: its properties, as the system takes them.
    """

    kind: str
    values: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _single(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, dict) or len(data) != 1:
            raise wrong("an entry of given is one thing with its values: `- bot: {…}`")
        (kind, values), *_ = data.items()
        if values is not None and not isinstance(values, dict):
            raise wrong(f"the values of {kind!r} must be a mapping (key: value)")
        element = handler({"kind": kind, "values": dict(values or {})})
        element._line = getattr(data, "line", 0)
        return element


class Action(Element):
    """One thing that happens: ``- rest: PUT /api/v1/bots/{bot}`` with ``body``, ``args``, ``name``, ``after``.

    Args:
        kind: ``rest``, ``venue``, ``call``, or another word that the system under test knows.
        target: what stands after the kind.
        body: the body of a request.
        args: named arguments.
        name: what ``after`` of later entries calls it.
        after: earlier entries that must be over before this one starts: names, or positions counted from 1.
            ``Scenario.order`` holds them resolved.
    """

    kind: str
    target: Any = None
    body: Any = None
    args: dict[str, Any] = Field(default_factory=dict)
    name: Name | None = None
    after: tuple[str | int, ...] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _one_action(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, dict):
            raise wrong("an entry of when is an action: `- rest: PUT /path`")
        kinds = [key for key in data if key not in _COMPANIONS]
        kind = _single_kind(kinds)
        target = data[kind]
        if kind == "rest":
            _request(target)
        after = data.get("after", ())
        fields = {key: data[key] for key in _COMPANIONS if key in data and key != "after"}
        element = handler(
            {**fields, "kind": kind, "target": target, "after": after if isinstance(after, tuple) else (after,)}
        )
        element._line = getattr(data, "line", 0)
        return element

    @property
    def method(self) -> str:
        """The HTTP method of a ``rest`` action."""
        return str(self.target).split(" ", 1)[0]

    @property
    def path(self) -> str:
        """The path of a ``rest`` action, with its ``{placeholders}``."""
        return str(self.target).split(" ", 1)[1]

    @property
    def title(self) -> str:
        """As it stands in reports."""
        return str(self.target) if self.kind == "rest" else f"{self.kind}: {self.target}"


def _single_kind(kinds: list[str]) -> str:
    if not kinds:
        raise wrong(f"an entry of when needs an action: {', '.join(names.ACTIONS)}")
    if len(kinds) > 1:
        for word in kinds:
            meant = None if word in names.ACTIONS else closest(word, _COMPANIONS)
            if meant is not None:
                raise wrong(f"unknown key {word!r} in an entry of when; did you mean {meant!r}?")
        raise wrong(f"an entry of when has one action, here are {len(kinds)}: {', '.join(map(repr, kinds))}")
    kind = kinds[0]
    # Other words are allowed, for other people's systems; a slip of the pen is not.
    meant = None if kind in names.ACTIONS else closest(kind, names.ACTIONS, cutoff=0.7)
    if meant is not None:
        raise wrong(f"unknown action {kind!r}; did you mean {meant!r}?")
    return kind


def _request(target: Any) -> None:
    match = re.fullmatch(r"(\S+) (/\S*)", target) if isinstance(target, str) else None
    if match is None:
        raise wrong("rest takes a method and a path: `rest: PUT /api/v1/bots/{bot}`")
    if match[1] not in names.METHODS:
        raise wrong(unknown("method", match[1], names.METHODS))


class Database(Element):
    """The database under the program: an engine that simharness starts, or a server of the user's.

    Args:
        engine: ``sqlite`` or ``postgresql``; follows from ``url`` if that is given.
        url: an SQLAlchemy URL of a server on which a scratch database may be created.
        lock_timeout: after this much virtual time a lock wait may fail; None for never.
        isolation: the default isolation level; None for the engine's own.
    """

    engine: str = "sqlite"
    url: str | None = None
    lock_timeout: Duration | None = None
    isolation: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _accept_engine(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"engine": data}
        if not isinstance(data, dict):
            raise wrong("must be sqlite, postgresql or {url: …}")
        if "url" in data and "engine" in data:
            raise wrong("`url` already says which engine it is; leave `engine` out")
        if isinstance(data.get("url"), str):
            scheme = re.split(r"[+:]", data["url"], maxsplit=1)[0]
            return {**data, "engine": "postgresql" if scheme == "postgres" else scheme}
        return data

    @field_validator("engine", mode="before")
    @classmethod
    def _known_engine(cls, value: Any) -> Any:
        return known("database", value, names.ENGINES)

    @field_validator("isolation", mode="before")
    @classmethod
    def _known_isolation(cls, value: Any) -> Any:
        return known("isolation level", value.lower() if isinstance(value, str) else value, names.ISOLATION)

    @property
    def lock_timeout_ns(self) -> int | None:
        """How long a lock wait may last, in nanoseconds of virtual time."""
        return None if self.lock_timeout is None else parse_duration_ns(self.lock_timeout)


class Expectation(Element):
    """What a run must say about the cases that it matches.

    Args:
        case: for each named matrix key the values it speaks of; an empty one speaks of every case.
        verdict: what the run must say.
        by: for ``violated``: every one of these invariants must be violated.
    """

    case: dict[str, Options] = Field(default_factory=dict)
    verdict: Literal["proven", "passed", "violated", "inconclusive"]
    by: tuple[InvariantId, ...] = ()

    @field_validator("verdict", mode="before")
    @classmethod
    def _known_verdict(cls, value: Any) -> Any:
        return known("verdict", value, names.VERDICTS)

    @model_validator(mode="after")
    def _by_needs_a_violation(self) -> Self:
        if self.by and self.verdict != "violated":
            raise wrong(f"`by` names what is violated; it does not go with `verdict: {self.verdict}`")
        return self

    def matches(self, values: dict[str, str]) -> bool:
        """Return whether it speaks of the case with these matrix values."""
        return all(values.get(key) in options for key, options in self.case.items())


class Spec(Element):
    """A whole scenario."""

    scenario: Name
    about: str = ""
    system: str
    matrix: dict[Name, Dimension] = Field(default_factory=dict)
    venue: VenueSpec = VenueSpec()
    given: tuple[Given, ...] = ()
    when: tuple[Action, ...] = ()
    faults: tuple[FaultSpec, ...] = ()
    explore: Explore = Explore()
    database: Database = Database()
    check: Checks = (Check("all"),)
    expect: tuple[Expectation, ...] = ()

    @field_validator("system")
    @classmethod
    def _factory(cls, value: str) -> str:
        if re.fullmatch(_FACTORY, value) is None:
            raise wrong(f"{value[:80]!r} does not name a factory; write `package.module:factory`")
        return value
