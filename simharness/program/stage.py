"""What is set up once for a plain program: patches, instrumentation, warm-up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from simharness.instrument import Instrumenter, instrumented, is_foreign, watch_modules
from simharness.loop.garbage import collect, collected_between_executions
from simharness.loop.guard import determinism_guard, remark
from simharness.loop.primitives import tracked_asyncio
from simharness.program.database import Served, served
from simharness.program.execution import ProgramExecution
from simharness.program.setup import Setup
from simharness.world.notes import Notes


@dataclass(slots=True)
class ProgramStage:
    """A program, ready to be executed as often as one likes.

    Args:
        setup: the program and the terms on which it runs.
        instrumenter: tracks the heap.
        served: its database; None without one.
        opaque: whether some of the code that runs is not tracked, so that every step may have touched anything.
        reasons: why it is opaque.
        elsewhere: what other processes noticed.
    """

    setup: Setup
    instrumenter: Instrumenter
    served: Served | None = None
    opaque: bool = False
    reasons: tuple[str, ...] = ()
    elsewhere: Notes = field(default_factory=Notes)

    def program(self, strikes: int | None = None) -> ProgramExecution:
        """Start an execution; ``strikes`` is a smaller budget of faults that holds instead."""
        setup = self.setup
        return ProgramExecution(
            setup.function,
            setup.check,
            instrumenter=self.instrumenter,
            opaque=self.opaque,
            packages=(setup.function.__module__, *self.instrumenter.packages),
            database=None if self.served is None else self.served.port,
            semantics=setup.semantics,
            faults=setup.faults,
            strikes=strikes,
            horizon_ns=setup.horizon_ns,
            latency=setup.window,
        )

    @property
    def dependence(self) -> str:
        """How finely steps are told apart, for the certificate."""
        level = "asyncio primitives" if self.served is None else "rows, asyncio primitives"
        if self.opaque:
            return f"{level}, and one key for the whole heap: some of the code that runs is not tracked"
        packages = ", ".join([self.setup.function.__module__, *self.instrumenter.packages])
        return f"{level}, heap of {packages}"

    def holes(self) -> list[str]:
        """Return what is known to be invisible to the reduction, one sentence each: nothing is proven with any."""
        found = set() if self.served is None else self.served.pools.holes
        return sorted(found | self.elsewhere.holes)

    def coarse(self) -> list[str]:
        """Return where steps touch more than they seem to or the database does as it likes, one sentence each."""
        found = [] if self.served is None else self.served.port.findings()
        return sorted(self.elsewhere.coarse.union(found))

    def notes(self) -> Any:
        """Return what was noticed so far, for another process to :meth:`learn`."""
        return self.holes(), self.coarse()

    def learn(self, notes: Any) -> None:
        """Take over what another process has noticed, as it was sent."""
        self.elsewhere.add(*notes)

    def run_base_order(self) -> ProgramExecution:
        """Run one execution as stock asyncio would with answers that come at once; the caller closes it."""
        execution = self.program()
        try:
            while enabled := execution.enabled():
                execution.step(enabled[0])
        except BaseException:
            execution.close()
            raise
        return execution

    def judge_code(self) -> None:
        """Run the base order once and look for code that nobody tracks."""
        with watch_modules() as seen:
            execution = self.run_base_order()
        # Unwatched: closing may collect garbage, and who hooks the collector (hypothesis does) is not the program's.
        execution.close()
        reasons = [
            f"{function} is not tracked: {why}" for function, why in sorted(self.instrumenter.uninstrumentable.items())
        ]
        reasons += [
            f"code of {module} runs untracked; pass instrument=({module.partition('.')[0]!r},)"
            for module in sorted(seen)
            if is_foreign(module)
        ]
        self.reasons = tuple(reasons)
        self.opaque = bool(reasons)


@contextmanager
def program_staged(setup: Setup) -> Iterator[ProgramStage]:
    """Prepare a program.

    Raises:
        RuntimeError: an event loop is running.
    """
    # As asyncio.run does: two loops in one thread would take each other's place.
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("an exploration brings its own event loop and cannot run inside another: use a plain `def`")
    with ExitStack() as stack:
        if setup.database is not None:
            # Last of all: until then the database holds on to the connections of the last execution.
            stack.callback(collect)
        stack.enter_context(tracked_asyncio())
        stack.enter_context(determinism_guard())
        stack.enter_context(_heard_logs())
        database = None if setup.database is None else stack.enter_context(served(setup.database))
        instrumenter = stack.enter_context(instrumented(setup.instrument, program=_plain(setup.function)))
        stage = ProgramStage(setup, instrumenter, database)
        stage.run_base_order().close()  # to warm up
        if database is not None:
            database.pools.settle()
        # Before anybody looks: others hook the collector, and what they run there is not the program's.
        stack.enter_context(collected_between_executions())
        stage.judge_code()
        yield stage


class _LoggedExceptions(logging.Handler):
    """Remarks exceptions that the program logs and drops; asyncio's own messages are found elsewhere."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and record.name != "asyncio":
            remark("swallowed", f"{record.name} logs {type(error).__name__}: {error} ({record.getMessage()})")


@contextmanager
def _heard_logs() -> Iterator[None]:
    handler = _LoggedExceptions(logging.ERROR)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _plain(function: Any) -> Any:
    """Return what the instrumenter can rewrite: the function behind a partial or a bound method."""
    while hasattr(function, "func"):
        function = function.func
    return function
