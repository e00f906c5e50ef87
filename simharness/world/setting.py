"""What an execution is made of, as a value; the runner derives it from a scenario's case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simharness.core.step import Window

ENGINES: tuple[str, ...] = ("sqlite", "postgresql")
ISOLATION: tuple[str, ...] = ("read committed", "repeatable read", "serializable")
DRIVERS: tuple[str, ...] = ("asyncpg", "psycopg")


@dataclass(frozen=True, slots=True)
class Given:
    """Something that exists before anything happens.

    Args:
        kind: a word that the system knows, such as ``bot``.
        values: its properties.
        where: ``file:line`` for messages.
    """

    kind: str
    values: Mapping[str, Any]
    where: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """Something that happens.

    Args:
        kind: ``rest``, ``venue``, or a word that the system knows.
        target: what stands after the kind.
        body: of a request.
        args: named arguments.
        name: stable name of the command.
        after: positions of the commands that must be over first.
        where: ``(scenario:12)`` for timelines.
    """

    kind: str
    target: Any
    body: Any = None
    args: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    after: tuple[int, ...] = ()
    where: str = ""

    @property
    def title(self) -> str:
        """As it stands in timelines and findings."""
        text = str(self.target) if self.kind == "rest" else f"{self.kind} {self.target}"
        for values in (self.body, self.args):
            if isinstance(values, Mapping):
                text += "".join(f" {key}={value}" for key, value in values.items())
        return text


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything that distinguishes one case from another.

    Args:
        options: the matrix values that the system gets, such as ``cancel_policy``.
        markets: unified symbols that the venue trades.
        given: what exists at the start.
        commands: what happens, concurrently unless ``after`` says otherwise.
        faults: names of the faults that may strike, with places: ``reply_lost@create_order``.
        fault_budget: how many of them may strike in one execution.
        strikes: a smaller budget that holds instead; schedules stay those of ``fault_budget``.
        rules: ids of the invariants that are checked.
        bounds_ns: for those with a bound of virtual time, the bound where it is not the usual one.
        semantics: ``stock``, ``quiescent`` or ``any-order``.
        horizon_ns: virtual time after which no timer fires.
        engine: ``sqlite``, ``postgresql`` or ``none``.
        lock_timeout_ns: after this much virtual time a lock wait may fail; None for never.
        database_url: a server of the user's.
        driver: of PostgreSQL, ``asyncpg`` or ``psycopg``.
        isolation: default isolation level, None for the engine's own.
        latency: shortest and longest time of a message to or from the venue, in nanoseconds; None: any.
        single_frames: whether a frame arrives only while the program waits for one, so never two in one read.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    markets: tuple[str, ...] = ()
    given: tuple[Given, ...] = ()
    commands: tuple[Command, ...] = ()
    faults: tuple[str, ...] = ()
    fault_budget: int = 0
    strikes: int | None = None
    rules: tuple[str, ...] = ()
    bounds_ns: Mapping[str, int] = field(default_factory=dict)
    semantics: str = "stock"
    horizon_ns: int | None = None
    engine: str = "sqlite"
    lock_timeout_ns: int | None = None
    database_url: str | None = None
    driver: str = "asyncpg"
    isolation: str | None = None
    latency: Window | None = None
    single_frames: bool = False
