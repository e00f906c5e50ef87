"""Draws what a token stands for, for plain programs."""

from __future__ import annotations

from typing import Literal

from simharness.core.verdict import Counterexample
from simharness.explore.latency import possible, realised
from simharness.explore.recording import contrast, record
from simharness.program.database import DatabaseChoice
from simharness.program.execution import Check, Checks, ProgramFunction
from simharness.program.setup import Setup, Terms
from simharness.program.stage import program_staged
from simharness.world.schema import Schema


def timeline(
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
    width: int = 100,
    ascii_only: bool = False,
    full: bool = False,
) -> str:
    """Run the schedule of a token once more and draw it beside the nearest order that passes.

    Args:
        program: the program that the token came from.
        token: from a :class:`Violation`.
        check: as it was given to :func:`explore`; and so on for the other arguments of the same names.
        width: columns.
        ascii_only: no character beyond ASCII.
        full: fold nothing.

    Returns:
        The timeline; one sentence if the violation no longer happens, or cannot with this latency.

    Raises:
        ScenarioError: a duration makes no sense, or there is no such database.
        TokenError: the token is damaged or belongs to another program or database.
        ReplayDiverged: the program does not offer what the schedule asks for.
    """
    # Late: rich need not be there to explore.
    from simharness.report.timeline import Heading, to_text

    terms: Terms = {"semantics": semantics, "faults": faults, "horizon": horizon, "latency": latency}
    terms |= {"instrument": instrument, "database": database, "schema": schema}
    setup = Setup.of(program, check, **terms)
    decoded = setup.decoded(token)
    name = setup.name
    with program_staged(setup) as stage:
        failing = record(stage.program, decoded.schedule)
        timed = latency is not None
        if timed and not possible(failing.steps):
            return f"{name}: no messages with a latency of {setup.spelt_latency} come in this order\n"
        finding = next((each for each in failing.findings if decoded.invariant in ("", each.invariant)), None)
        if finding is None:
            return f"{name}: it no longer happens under this schedule\n"
        counterexample = Counterexample(
            finding,
            failing.schedule,
            failing.digest,
            token,
            realised(failing.steps, timed=timed).reachable if semantics == "stock" else None,
            len(failing.schedule.deviations),
        )
        passing = contrast(stage.program, failing, finding.kind, timed=timed)
    on = "" if setup.database is None else f", database={setup.database.engine!r}"
    if setup.database is not None and setup.database.schema:
        on += ", schema=SCHEMA"
    heading = Heading(name, replay=f"simharness.replay({name}, '{{token}}'{on})")
    return to_text(failing, passing, heading, counterexample, width=width, ascii_only=ascii_only, full=full)
