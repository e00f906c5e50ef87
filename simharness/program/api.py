"""The public functions: explore any asyncio program, replay what was found."""

from __future__ import annotations

from typing import Literal

from simharness.core import trace
from simharness.core.time import seconds_to_ns
from simharness.explore.campaign import Limits
from simharness.explore.latency import possible
from simharness.explore.places import refollow
from simharness.program.database import DatabaseChoice
from simharness.program.duration import duration_ns
from simharness.program.execution import Check, Checks, ProgramFunction
from simharness.program.result import Replayed, Result
from simharness.program.search import Plan
from simharness.program.setup import Setup, Terms
from simharness.program.stage import program_staged
from simharness.program.verdicts import result_of
from simharness.world.schema import Schema


def explore(
    program: ProgramFunction,
    *,
    semantics: Literal["stock", "quiescent", "any-order"] = "stock",
    strategy: str = "dpor",
    faults: int = 0,
    executions: int | None = 100_000,
    time: float | str | None = None,
    instrument: tuple[str, ...] | list[str] = (),
    check: Check | Checks | None = None,
    seed: int = 0,
    horizon: str | None = None,
    latency: tuple[str, str] | None = None,
    reversals: int | None = None,
    delays: int | None = None,
    jobs: int = 1,
    database: DatabaseChoice | None = None,
    schema: Schema | None = None,
) -> Result:
    """Run a program under every order in which replies, events and timers can arrive.

    An execution ends when nothing can happen any more, not when the coroutine returns. If the program returns a
    callable, it is called then, outside of the exploration, and gives the outcome: so nothing has to be joined for the
    sake of looking at the result.

    Args:
        program: a coroutine function without arguments that builds its state anew.
        semantics: ``stock`` (all that asyncio can do, and labels on what it cannot), ``quiescent`` (a cascade is one
            step) or ``any-order`` (every ready task step is a choice).
        strategy: ``dpor`` (one execution for each interleaving), ``brute`` (every schedule), or sampling: ``pos``,
            ``pct``, ``random``, ``swarm``.
        faults: at most so many answers other than the first at ``world().choose(…, fault=True)`` in one execution.
            Smaller numbers are explored first.
        executions: stop after so many; None for no limit.
        time: stop after so much wall time: seconds, or a text such as ``60s``; None for no limit.
        instrument: packages under test, besides the module of the program, whose heap is tracked.
        check: judges the outcome; an exception or ``False`` is a violation. A mapping has a check for each part of the
            outcome; this has to be a mapping too, with the same names and values, or functions that are called at the
            end. No check sees more than its part, so ``dpor`` explores parts that have nothing to do with each other
            one by one: the sum of their interleavings, not the product. What belongs together is found out, not
            believed.
        seed: of sampling strategies.
        horizon: virtual time after which no timer fires, such as ``10m``; None for no horizon.
        latency: the shortest and the longest time that one message of ``world()`` (a request, an answer, a frame)
            takes, such as ``("5ms", "80ms")``; None: any time.
        reversals: explore only what at most so many reversed races lead to from the base order, fewest first; None
            for all. A bounded search never proves.
        delays: explore only schedules that pass over at most so many processes in base order, fewest first.
        jobs: how many processes share a ``dpor`` search that turns out to take a while. They import the program and
            the check by name; a script has to ask for them below ``if __name__ == "__main__"``. With a check for each
            part, or a bound, one process explores.
        database: what the program connects to: ``sqlite``, ``postgresql``, or a mapping with some of the keys
            ``engine``, ``url`` (a PostgreSQL server of yours), ``isolation`` (the default level), ``lock_timeout``
            (virtual time, such as ``5s``) and ``driver`` (which one ``world().database.url`` names). The program opens
            its connections itself, by ``world().database.url`` or ``.dsn``; on PostgreSQL any other host will do.
        schema: makes the tables and the rows that every execution starts with: SQL, a sequence of statements, or a
            function that gets a synchronous connection of SQLAlchemy, such as ``metadata.create_all``.

    Returns:
        What was found. An exception in the program, in a task that nobody awaits, or in ``check`` is a violation.

    Raises:
        ScenarioError: there is no such strategy or database, its extra is not installed, its schema is refused, or a
            duration makes no sense.
        Nondeterminism: something outside of the simulation influenced the program, or it connects to what nobody
            serves.
        SelfCheckFailed: the exploration is not sound for this program; the message names the hole.
    """
    terms: Terms = {"semantics": semantics, "faults": faults, "horizon": horizon, "latency": latency}
    terms |= {"instrument": instrument, "database": database, "schema": schema}
    limits = Limits(executions, _wall_time_ns(time))
    plan = Plan(strategy, limits, seed, reversals, delays, jobs)
    with program_staged(Setup.of(program, check, **terms)) as stage:
        found = plan.search(stage)
        result = result_of(stage, found, plan)
    if found.campaign.interrupted:
        raise KeyboardInterrupt
    return result


def replay(
    program: ProgramFunction,
    token: str,
    *,
    check: Check | Checks | None = None,
    instrument: tuple[str, ...] | list[str] = (),
    semantics: Literal["stock", "quiescent", "any-order"] = "stock",
    faults: int = 0,
    horizon: str | None = None,
    latency: tuple[str, str] | None = None,
    database: DatabaseChoice | None = None,
    schema: Schema | None = None,
) -> Replayed:
    """Run the schedule of a token once more; if the code has changed, by what was to happen in place of what.

    Args:
        program: the program that the token came from.
        token: from a :class:`Violation`.
        check: as it was given to :func:`explore`; and so on for the other arguments.

    Raises:
        ScenarioError: a duration makes no sense, or there is no such database.
        TokenError: the token is damaged or belongs to another program or database.
        ReplayDiverged: the program does not offer what the schedule asks for, and the token knows no places.
        Nondeterminism: the same choices lead to different traces.
    """
    terms: Terms = {"semantics": semantics, "faults": faults, "horizon": horizon, "latency": latency}
    terms |= {"instrument": instrument, "database": database, "schema": schema}
    setup = Setup.of(program, check, **terms)
    decoded = setup.decoded(token)
    with program_staged(setup) as stage:
        followed = refollow(stage.program, decoded.schedule, decoded.places, decoded.trace)
        execution = followed.execution
        try:
            outcome, findings = execution.conclude()
            digest = trace.digest(execution.steps)
            fits = latency is None or possible(execution.steps)
            return Replayed(
                happened_again=fits and any(decoded.invariant in ("", finding.invariant) for finding in findings),
                same_trace=int(digest[:8], 16) == decoded.trace,
                outcome=outcome,
                messages=tuple(finding.message for finding in findings),
                digest=digest,
                steps=tuple(str(step) for step in execution.steps),
                missing=followed.missing,
                possible=fits,
            )
        finally:
            execution.close()


def _wall_time_ns(time: float | str | None) -> int | None:
    if time is None:
        return None
    return duration_ns("time", time) if isinstance(time, str) else seconds_to_ns(time)
