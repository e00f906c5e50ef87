"""An execution of a plain coroutine function."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from simharness.core import lane, name
from simharness.core.footprint import PYHEAP, Footprint, recorder
from simharness.core.verdict import Finding
from simharness.errors import ScenarioError, SimharnessError
from simharness.instrument import Instrumenter
from simharness.loop.agenda import Item
from simharness.loop.execution import LoopExecution
from simharness.loop.futures import is_done, unseen_exception
from simharness.loop.garbage import silence
from simharness.program.database import Database
from simharness.program.narration import narrate, running_actor
from simharness.program.world import World, enter_world

if TYPE_CHECKING:
    from simharness.world.databases import Port

ProgramFunction = Callable[[], Coroutine[Any, Any, Any]]
Check = Callable[[Any], object]
Checks = Mapping[str, Check]

# The step, after all others, in which a part of the outcome is looked at.
_JUDGEMENT = -1_000_000


class ProgramExecution(LoopExecution):
    """One run of ``program`` with a world of its own.

    Args:
        program: a coroutine function without arguments that builds its state anew.
        check: judges the outcome: an exception or ``False`` is a violation. A mapping has a check for each part of the
            outcome, and sees no other.
        instrumenter: names the objects of the program; None without heap tracking.
        opaque: whether every step of the program counts as touching the whole heap.
        packages: whose lines timelines name.
        database: put back to its start and served; None without one.
        options: see ``LoopExecution``.
    """

    def __init__(
        self,
        program: ProgramFunction,
        check: Check | Checks | None = None,
        *,
        instrumenter: Instrumenter | None = None,
        opaque: bool = False,
        packages: tuple[str, ...] = (),
        database: Port | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._check = check
        self.readings: dict[str, Footprint] = {}
        """What was read to find out each part of the outcome, by its name; once there is an outcome."""
        self._opaque = opaque
        self._instrumenter = instrumenter
        if instrumenter is not None:
            instrumenter.begin_execution()
        lane.watched = packages
        self._context.run(lane.namer.set, running_actor)
        self._port = database
        self._database: Database | None = None
        if database is not None:
            database.begin_execution(self.loop)
            self._database = Database(database)
        world = World(self.loop, self._database)
        self.call(lambda: enter_world(world))
        self._main: asyncio.Task[Any] = self.spawn(program())

    def after_action(self, item: Item) -> None:
        """Charge the whole heap where nobody knows what a step touched."""
        narrate(item)
        if self._opaque:
            recorder.write(PYHEAP)

    def close(self) -> None:
        """Drop everything, also half-way."""
        port, self._port = self._port, None
        if port is not None and self._database is not None:
            # First the real handles: closing coroutines would otherwise still talk to them.
            self._database.end()
            port.close_execution()
        super().close()
        with silence() if port is not None else nullcontext():
            # What the program held complains about being dropped, as connections do: here nobody listens.
            self._forget()

    def _forget(self) -> None:
        if self._database is not None:
            from simharness.database.pool import empty_kept_pools

            self.__dict__.pop("_main", None)
            empty_kept_pools()
        if self._instrumenter is not None:
            self._instrumenter.end_execution()

    def conclude(self) -> tuple[Any, tuple[Finding, ...]]:
        """Return what the program returned (called, if it is a callable) and every exception that it caused.

        Raises:
            SimharnessError: one of these exceptions says that the program cannot be simulated; that refutes nothing.
        """
        errors = self._errors()
        for error in errors:
            if isinstance(error, SimharnessError):
                raise error
        # In the context of the program: outcome and checks ask for its world.
        outcome, findings = self._context.run(self._judge, [self._exception(error) for error in errors])
        return outcome, (*findings, *self.remarks)

    def _judge(self, findings: list[Finding]) -> tuple[Any, tuple[Finding, ...]]:
        if not is_done(self._main):
            waits = [] if self._port is None else self._port.waits()
            told = "".join(f"; {each}" for each in waits)
            message = f"the program waits for ever: nothing that could wake it up is left{told}"
            findings.append(Finding("deadlock", message))
            return None, tuple(findings)
        if isinstance(self._check, Mapping):
            return self._conclude_parts(self._check, findings)
        if self._main.cancelled() or findings:
            return None, tuple(findings)
        outcome = self._main.result()
        try:
            if callable(outcome) and not inspect.isclass(outcome):
                outcome = outcome()
            if self._check is not None and self._check(outcome) is False:
                name = getattr(self._check, "__name__", type(self._check).__name__)
                findings.append(Finding("check", f"{name} returned False for the outcome {outcome!r}"))
        except Exception as error:
            findings.append(Finding("check", f"{type(error).__name__}: {error}"))
        return outcome, tuple(findings)

    def _conclude_parts(self, checks: Checks, findings: list[Finding]) -> tuple[Any, tuple[Finding, ...]]:
        """Judge each part of the outcome by itself; one that went wrong keeps nobody from looking at the others."""
        if self._main.cancelled() or self._main.exception() is not None:
            return None, tuple(findings)
        parts = self._main.result()
        if not isinstance(parts, Mapping) or not checks.keys() <= parts.keys():
            has = ", ".join(map(repr, parts)) if isinstance(parts, Mapping) else f"none, it is {parts!r}"
            raise ScenarioError(f"the checks are of {', '.join(map(repr, checks))}; the parts of the outcome: {has}")
        outcome = []
        for number, (part, value) in enumerate(sorted(parts.items())):
            recorder.begin(name.ROOT, _JUDGEMENT - number, active=True)
            try:
                found = value() if callable(value) and not inspect.isclass(value) else value
                outcome.append((part, found))
                if part in checks and checks[part](found) is False:
                    findings.append(Finding(f"check {part}", f"the check of {part} returned False for {found!r}"))
            except Exception as error:
                findings.append(Finding(f"check {part}", f"{type(error).__name__}: {error}"))
            finally:
                self.readings[part] = recorder.end()
        return tuple(outcome), tuple(findings)

    def _errors(self) -> list[BaseException]:
        found: list[BaseException] = []
        if is_done(self._main) and not self._main.cancelled() and (error := self._main.exception()) is not None:
            found.append(error)
        for task in self.loop.tasks:
            unseen = unseen_exception(task)
            if unseen is not None and unseen not in found:
                found.append(unseen)
        for context in self.loop.errors:
            reported = context.get("exception")
            if reported is not None and reported not in found:
                found.append(reported)
        return found

    @staticmethod
    def _exception(error: BaseException) -> Finding:
        return Finding("exception", f"{type(error).__name__}: {error}")
