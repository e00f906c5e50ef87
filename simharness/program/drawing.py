"""Draws what a token stands for, for plain programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from simharness.core.token import decode
from simharness.core.verdict import Counterexample
from simharness.explore.reachable import realise
from simharness.explore.recording import contrast, record
from simharness.loop.execution import Semantics
from simharness.program.api import Program, belongs, horizon_in_ns
from simharness.program.stage import program_staged


def timeline(
    program: Program,
    token: str,
    *,
    check: Callable[[Any], object] | None = None,
    instrument: tuple[str, ...] | list[str] = (),
    semantics: Literal["stock", "quiescent", "any-order"] = "stock",
    faults: int = 0,
    horizon: str | None = None,
    width: int = 100,
    ascii_only: bool = False,
    full: bool = False,
) -> str:
    """Run the schedule of a token once more and draw it beside the nearest order that passes.

    Args:
        program: the program that the token came from.
        token: from a :class:`Violation`.
        check: as it was given to :func:`explore`; and so on for ``instrument``, ``semantics``, ``faults``, ``horizon``.
        width: columns.
        ascii_only: no character beyond ASCII.
        full: fold nothing.

    Returns:
        The timeline; one sentence if the violation no longer happens.

    Raises:
        TokenError: the token is damaged or belongs to another program.
        ReplayDiverged: the program does not offer what the schedule asks for.
    """
    # Late: rich need not be there to explore.
    from simharness.report.timeline import Heading, to_text

    decoded = decode(token)
    name = belongs(program, decoded)
    with program_staged(
        program,
        check,
        semantics=Semantics(semantics),
        faults=faults,
        horizon_ns=horizon_in_ns(horizon),
        packages=tuple(instrument),
    ) as stage:
        failing = record(stage.program, decoded.schedule)
        finding = next((each for each in failing.findings if decoded.invariant in ("", each.invariant)), None)
        if finding is None:
            return f"{name}: it no longer happens under this schedule\n"
        counterexample = Counterexample(
            finding,
            failing.schedule,
            failing.digest,
            token,
            realise(failing.steps).reachable if semantics == "stock" else None,
            len(failing.schedule.deviations),
        )
        passing = contrast(stage.program, failing, finding.kind, timed=stage.latency is not None)
        return to_text(
            failing,
            passing,
            Heading(name, replay=f"simharness.replay({name}, '{{token}}')"),
            counterexample,
            width=width,
            ascii_only=ascii_only,
            full=full,
        )
