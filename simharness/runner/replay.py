"""Re-executes a counterexample from its token and draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from simharness.core.token import Token, decode
from simharness.core.verdict import Counterexample, RecordedExecution
from simharness.errors import Nondeterminism
from simharness.explore.latency import possible, realised
from simharness.explore.recording import contrast, record_again
from simharness.runner.result import Layout, ReplayOutcome
from simharness.runner.setting import located, setting_of, system_of
from simharness.world.stage import Stage, staged

if TYPE_CHECKING:
    from simharness.scenario.case import Case, Scenario


def replay(token: str, scenarios: Sequence[Scenario], layout: Layout) -> ReplayOutcome:
    """Run the schedule of a token once and say whether it still violates.

    Raises:
        TokenError: the token is damaged or belongs to none of the scenarios.
    """
    from simharness.scenario import find_case

    case = find_case(scenarios, token)
    decoded = decode(token)
    with located(case), staged(setting_of(case), system_of(case)) as stage:
        try:
            failing, missing = record_again(stage.program, decoded)
        except Nondeterminism as diverged:
            return ReplayOutcome(happened_again=False, diverged=str(diverged), text=str(diverged))
        outcome = _judge(case, stage, failing, token, decoded, layout)
        return replace(outcome, choices=len(decoded.schedule.deviations), missing=missing)


def _judge(
    case: Case, stage: Stage, failing: RecordedExecution, token: str, decoded: Token, layout: Layout
) -> ReplayOutcome:
    from simharness.report.timeline import Heading, render

    same_trace = int(failing.digest[:8], 16) == decoded.trace
    timed = stage.setting.latency is not None
    if timed and not possible(failing.steps):
        # The latency is not part of the token: it, or the code, has changed since.
        latency = case.scenario.spec.venue.latency.text
        text = f"{case.title}: no messages with a latency of {latency} come in this order"
        return ReplayOutcome(False, None, text, digest=failing.digest, same_trace=same_trace)
    refuting = [
        finding for finding in failing.findings if not finding.warning and decoded.invariant in ("", finding.invariant)
    ]
    if not refuting:
        text = f"{case.title} holds under this schedule"
        return ReplayOutcome(False, None, text, digest=failing.digest, same_trace=same_trace)
    finding = refuting[0]
    counterexample = Counterexample(
        finding,
        failing.schedule,
        failing.digest,
        token,
        realised(failing.steps, timed=timed).reachable if case.explore.semantics == "stock" else None,
        len(failing.schedule.deviations),
    )
    passing = contrast(stage.program, failing, finding.kind, timed=timed)
    drawing = render(
        failing,
        passing,
        Heading(case.scenario.name, dict(case.values)),
        counterexample,
        width=layout.width,
        ascii_only=layout.ascii_only,
        full=layout.full,
    )
    return ReplayOutcome(True, None, drawing.plain, drawing, failing.digest, same_trace)
