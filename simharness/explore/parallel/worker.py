"""A process that executes leaves for a search until nobody wants any more."""

from __future__ import annotations

import signal
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from simharness.core.execution import Program
from simharness.core.verdict import Finding
from simharness.errors import ScenarioError, SimharnessError
from simharness.explore.parallel.leaf import LeafExplorer
from simharness.explore.parallel.wire import Message, Reader, Writer


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a process needs to execute a program.

    Args:
        program: starts an execution.
        summarise: turns an outcome into the key under which it is counted; this is what is sent.
        notes: returns what else was noticed so far, as something that can be sent and compared.
    """

    program: Program
    summarise: Callable[[Any], Hashable]
    notes: Callable[[], Any] = lambda: None


Opener = Callable[[], AbstractContextManager[Workplace]]
"""Sets up a workplace in the process that calls it; has to be something that pickle can send there."""


@dataclass(frozen=True, slots=True)
class Done:
    """A leaf was executed.

    Args:
        report: as a message.
        fingerprint: of the interleaving; None if there was no complete execution.
        outcome: the key of the outcome.
        findings: what is wrong with it.
        steps: how many steps were executed for it.
        probes: how many probes.
        notes: what else was noticed; None if nothing has been since the last time.
    """

    report: Message
    fingerprint: int | None
    outcome: Hashable
    findings: tuple[Finding, ...]
    steps: int
    probes: int
    notes: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """Something went wrong, and nothing can be claimed.

    Args:
        message: what.
        usage: whether it is the input that is wrong.
    """

    message: str
    usage: bool


def serve(connection: Connection, opener: Opener) -> None:
    """Execute what comes over the connection, until it is closed."""
    # Ctrl-C reaches the whole group. The search hears of it, and closes the connection when it is ready.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with opener() as workplace:
            _serve(connection, workplace)
    except (EOFError, OSError):
        return  # nobody is there any more
    except SimharnessError as error:
        _tell(connection, Failed(str(error), isinstance(error, ScenarioError)))
    except Exception as error:  # whatever it is, the search has to hear of it
        _tell(connection, Failed(f"{type(error).__name__}: {error}", usage=False))


def _tell(connection: Connection, failed: Failed) -> None:
    try:
        connection.send(failed)
    except OSError:
        return


def _serve(connection: Connection, workplace: Workplace) -> None:
    explorer = LeafExplorer(workplace.program)
    reader, writer = Reader(), Writer()
    statistics = explorer.statistics
    told: Any = None
    while True:
        leaf = reader.leaf(connection.recv())
        statistics.fingerprints.clear()
        steps, probes = statistics.steps, statistics.probes
        outcome: Hashable = None
        findings: tuple[Finding, ...] = ()
        try:
            execution, report = explorer.explore(leaf)
            if execution is not None:
                found, findings = execution.conclude()
                outcome = workplace.summarise(found)
            report = explorer.finish(report)
        except BaseException:
            explorer.close()
            raise
        notes = workplace.notes()
        connection.send(
            Done(
                writer.report(report),
                next(iter(statistics.fingerprints), None),
                outcome,
                findings,
                statistics.steps - steps,
                statistics.probes - probes,
                None if notes == told else notes,
            )
        )
        told = notes
