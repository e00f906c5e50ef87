"""What exploring a plain program returns."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from simharness.core.verdict import Certificate, Verdict


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong, with the shortest schedule found that shows it.

    Args:
        kind: ``exception``, ``check`` or ``deadlock``.
        message: one sentence.
        token: text for :func:`simharness.replay`.
        reachable_on_stock_asyncio: whether an unmodified event loop can do it; None if the semantics is not ``stock``
            or the search for a realisation gave up.
        deviations: how many choices differ from what stock asyncio does with replies that come at once.
        minimal: whether no schedule with fewer deviations shows it: all of them were tried.
        deliveries: what has to be delivered in which order to see it on a stock loop.
    """

    kind: str
    message: str
    token: str
    reachable_on_stock_asyncio: bool | None
    deviations: int
    minimal: bool = False
    deliveries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an exploration.

    Args:
        verdict: what may be claimed; ``proven`` only if every interleaving was executed.
        executions: complete executions.
        traces: different interleavings among them.
        blocked: executions given up because everything enabled was explored from elsewhere.
        duplicates: executions of an interleaving that had been executed before.
        outcomes: outcome → in how many interleavings it came out.
        violations: what is wrong, one of each kind; those that no stock loop can do are in ``warnings``.
        warnings: what is wrong only in orders that stock asyncio never takes.
        certificate: what was explored under which assumptions.
        estimate: executions in all, as a range ``(low, high)``; equal when exhausted, None if unknown.
        unseen: estimated share of interleavings that a sampling strategy has not seen; None for exhaustive ones.
    """

    verdict: Verdict
    executions: int
    traces: int
    blocked: int
    duplicates: int
    outcomes: dict[Hashable, int]
    violations: tuple[Violation, ...]
    warnings: tuple[Violation, ...]
    certificate: Certificate
    estimate: tuple[int, int] | None = None
    unseen: float | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay showed.

    Args:
        happened_again: whether the violation of the token happened again.
        same_trace: whether the trace was the recorded one, step by step.
        outcome: the program's outcome.
        messages: everything that is wrong with this execution.
        digest: of the trace.
        steps: the steps, one line each.
        missing: recorded positions of the choices that have no place in the program as it is now.
        possible: whether messages that take the given latency can come in this order; if not, nothing happened again.
    """

    happened_again: bool
    same_trace: bool
    outcome: Any
    messages: tuple[str, ...]
    digest: str
    steps: tuple[str, ...] = field(default=(), repr=False)
    missing: tuple[int, ...] = ()
    possible: bool = True
