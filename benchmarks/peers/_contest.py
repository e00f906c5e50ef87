"""What every tool is asked, and the process that answers one question.

It is run as ``python -m benchmarks.peers._contest MODULE QUESTION SECONDS``.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

# By name: simloom exchanges `time.perf_counter` while it runs, and is interrupted there.
from time import perf_counter
from typing import Any

from benchmarks.peers._program import Case
from benchmarks.peers._worlds import TaskWorld, World

SEEDS = 10
RATE_SECONDS = 1.0
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Answer:
    """What a tool said of one case.

    Args:
        found: whether it reports a failure of the program.
        claim: what it claims of the orders that it did not report, in its own terms; "" if nothing.
        failure: what it reports, in a few words, so that another failure is not taken for the bug.
    """

    found: bool
    claim: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Search:
    """One way to use a tool.

    Args:
        title: how the exchange is played and which settings were used.
        run: searches a case once, from a seed; where a tool knows no seed, it searches once more.
        world: how the exchange is played, unless ``run`` plays it by other means.
    """

    title: str
    run: Callable[[Case, int], Answer]
    world: Callable[[], World] = TaskWorld


@dataclass(frozen=True)
class Peer:
    """A tool; each module of this package whose name has no underscore in front defines one as ``PEER``.

    Args:
        package: what is installed with pip.
        finds: searches for the bug.
        pace: the search whose executions per second are measured; None: the first of ``finds``.
        proofs: exhaustive searches; none if the tool has none.
        cannot: what of the comparison is beyond it, a sentence each.
        python: the oldest Python that it runs on.
        ours: whether a crash is a failure of the benchmark.
    """

    package: str
    finds: tuple[Search, ...]
    proofs: tuple[Search, ...] = ()
    pace: Search | None = None
    cannot: tuple[str, ...] = ()
    python: tuple[int, int] = OLDEST_PYTHON
    ours: bool = False


def find(search: Search) -> dict[str, Any]:
    """Search the version with the bug from several seeds."""
    runs: list[dict[str, Any]] = []
    for seed in range(SEEDS):
        case = Case(world=search.world)
        answer = search.run(case, seed)
        ledger = case.ledger
        runs.append({**vars(answer), "executions": ledger.executions, "stopped": ledger.first_stopped})
        report(runs=runs)
    return {"runs": runs}


def prove(search: Search, warm: Search, symbols: int) -> dict[str, Any]:
    """Exhaust the version without the bug; what is imported or compiled on first use is not part of the time."""
    warm.run(Case(world=warm.world, fixed=True), 0)
    case = Case(symbols, fixed=True, world=search.world)
    started = perf_counter()
    OPEN.append((case, started))
    answer = search.run(case, 0)
    seconds = perf_counter() - started
    OPEN.clear()
    stopped = case.ledger.first_stopped
    return {**vars(answer), "executions": case.ledger.executions, "stopped": stopped, "seconds": seconds}


def rate(search: Search) -> dict[str, Any]:
    """Search the version without the bug again and again: executions per second, set-up of each search included."""
    case = Case(fixed=True, world=search.world)
    search.run(case, 0)
    before, seed = case.ledger.executions, 1
    started = perf_counter()
    while (seconds := perf_counter() - started) < RATE_SECONDS:
        search.run(case, seed)
        seed += 1
    return {"rate": (case.ledger.executions - before) / seconds}


# What a killed question had done so far: filled by the question, read by the alarm.
OPEN: list[tuple[Case, float]] = []
SO_FAR: dict[str, Any] = {}


def report(**so_far: Any) -> None:
    """Note what is to be told if time is up before the end."""
    SO_FAR.update(so_far)


def time_is_up(*_: object) -> None:
    """Tell what there is and leave at once: not every tool can be stopped."""
    for case, started in OPEN:
        report(executions=case.ledger.executions, seconds=perf_counter() - started)
    tell({**SO_FAR, "unfinished": True})
    os._exit(0)


def tell(told: dict[str, Any]) -> None:
    """Write the line that the other process waits for; whatever tools print comes before it."""
    sys.stdout.write(f"\n{json.dumps(told)}\n")
    sys.stdout.flush()


def ask(peer: Peer, question: str) -> dict[str, Any]:
    """Answer ``find:INDEX``, ``prove:INDEX:SYMBOLS`` or ``rate``."""
    kind, *numbers = question.split(":")
    if kind == "find":
        return find(peer.finds[int(numbers[0])])
    if kind == "prove":
        return prove(peer.proofs[int(numbers[0])], peer.finds[0], int(numbers[1]))
    return rate(peer.pace or peer.finds[0])


def main(module: str, question: str, limit: str) -> None:
    """Answer one question on standard output, as JSON, after at most ``limit`` seconds."""
    peer: Peer = importlib.import_module(module).PEER
    signal.signal(signal.SIGALRM, time_is_up)
    signal.setitimer(signal.ITIMER_REAL, float(limit))
    told = ask(peer, question)
    signal.setitimer(signal.ITIMER_REAL, 0)
    tell(told)


if __name__ == "__main__":
    main(*sys.argv[1:])
