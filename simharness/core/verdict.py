"""What an exploration may claim, and the evidence for it."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import metadata
from typing import Any

from simharness.core.schedule import Schedule
from simharness.core.step import Step


class Verdict(StrEnum):
    """The claim.

    ``proven``: every interleaving was explored under the printed assumptions and none violates. ``passed``: none of
    the explored ones violates, and a bound or a sampling strategy ended the search. ``violated``: a counterexample
    was replayed. ``inconclusive``: neither. ``error``: simharness could not do its work, nothing is claimed.
    """

    PROVEN = "proven"
    PASSED = "passed"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What an invariant or an oracle says against one execution.

    Args:
        invariant: its id (``Q5``), or ``exception``, ``check``, ``deadlock``.
        message: one sentence for a user.
        step: position of the step that completed the violation, if one can be named.
        witness: positions of steps that explain it (the decisive read, the commit that came too late), in order.
        warning: True if it does not refute (S12's external await under a lock).
    """

    invariant: str
    message: str
    step: int | None = None
    witness: tuple[int, ...] = ()
    warning: bool = False

    @property
    def kind(self) -> str:
        """What findings of one sort share: the invariant, and whether it is only a warning of it."""
        return f"{self.invariant} (warning)" if self.warning else self.invariant


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A schedule together with what it violates.

    Args:
        finding: what is violated.
        schedule: the choices that lead there.
        digest: digest of the trace that the schedule produced when it was replayed.
        token: the text that replays it.
        reachable_on_stock_asyncio: whether an unmodified loop can produce it; None if the search for a realisation
            ended without an answer.
        deviations: how many choices differ from the base order.
        minimal: True if no execution with fewer deviations violates the same invariant (all were tried).
        deliveries: the delivery schedule that realises it on the stock loop, in words.
    """

    finding: Finding
    schedule: Schedule
    digest: str
    token: str
    reachable_on_stock_asyncio: bool | None
    deviations: int
    minimal: bool = False
    deliveries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was explored, under which assumptions, with which checks.

    The first eight fields are the contract of ``--json``; ``assumptions``, ``checks`` and ``holes`` say in sentences
    what a reader must accept, what simharness tested on itself, and what is known to be missing.
    """

    semantics: str
    latency: str
    faults: int
    horizon: str
    dependence: str
    bounds: tuple[str, ...] = ()
    database: str = "none"
    versions: dict[str, str] = field(default_factory=dict)
    strategy: str = "dpor"
    executions: int = 0
    traces: int = 0
    blocked: int = 0
    duplicates: int = 0
    exhausted: bool = False
    traces_digest: str = ""
    assumptions: tuple[str, ...] = ()
    checks: dict[str, Any] = field(default_factory=dict)
    holes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedExecution:
    """A finished execution with everything that a timeline needs.

    Args:
        steps: the steps, with their operations.
        schedule: the choices.
        findings: what was found against it.
        digest: the digest of its trace.
        outcome: the program's outcome.
    """

    steps: tuple[Step, ...]
    schedule: Schedule
    findings: tuple[Finding, ...]
    digest: str
    outcome: Any = None


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Return the version of Python, and of each package that is installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        # Also simharness itself may come from a folder on the path.
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
