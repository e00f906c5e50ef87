"""Runs one case: explores, judges, shrinks, certifies, draws."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simharness.core.execution import Program
from simharness.core.token import Token
from simharness.core.verdict import Counterexample, Finding, Verdict
from simharness.errors import ScenarioError, SimharnessError
from simharness.explore.bounded import bounded
from simharness.explore.campaign import Campaign, Limits, Proof
from simharness.explore.checkpoint import Checkpoint, code_fingerprint
from simharness.explore.deepening import Deepened, deepened
from simharness.explore.exhaustive.dpor import DporSearch
from simharness.explore.parallel.search import ParallelSearch, thaw_shared
from simharness.explore.parallel.tree import Tree
from simharness.explore.recording import contrast, record
from simharness.explore.statistics import Statistics
from simharness.explore.strategy import Search, build
from simharness.report.save import report_stem
from simharness.runner.certify import certify, write_certificate
from simharness.runner.observer import Progress
from simharness.runner.result import CaseResult, RunOptions
from simharness.runner.setting import located, setting_of, system_of
from simharness.runner.workplace import CaseOpener, outcome_digest
from simharness.world.stage import Stage, staged

if TYPE_CHECKING:
    from simharness.scenario.case import Case

# Pairs of independent steps that every certificate rests on having been swapped without a difference.
_AUDITED_PAIRS = 4

# Schedules that may be looked at to make one counterexample smaller.
_SHRINK_BUDGET = 150
_SHRINK_BUDGET_HURRY = 20

Report = Callable[[Progress], None]


def run_case(case: Case, options: RunOptions, report: Report) -> CaseResult:
    """Explore one case and return what was found; only bad input is raised.

    Raises:
        ScenarioError: the scenario cannot be run as it stands.
    """
    started = time.monotonic()
    setting = setting_of(case)
    try:
        with located(case), staged(setting, system_of(case)) as stage:
            return _explore(case, options, stage, report, started)
    except ScenarioError:
        raise
    except SimharnessError as error:
        return CaseResult.of(case, Verdict.ERROR, error=str(error), elapsed_s=time.monotonic() - started)


def _explore(case: Case, options: RunOptions, stage: Stage, report: Report, started: float) -> CaseResult:
    found = _search(case, options, stage, report)
    campaign = found.campaign
    if campaign.interrupted:
        report(_progress(campaign))
    checks: dict[str, Any] = dict(found.checks())
    if not campaign.interrupted:
        checks |= campaign.audit(options.audit or _AUDITED_PAIRS, options.seed)
    evidence = _Evidence()
    try:
        _prove(case, options, stage, campaign, evidence)
    except KeyboardInterrupt:
        if not campaign.interrupted:
            raise
        # Ctrl-C once more: without what is not drawn yet.
    idle = {} if case.scenario.checks_all else stage.judged.never()
    vacuous = stage.refusals.sentences() + [f"{rule} had nothing to judge: {reason}" for rule, reason in idle.items()]
    warnings = evidence.warnings + [Finding("vacuous", sentence, warning=True) for sentence in vacuous]
    statistics = campaign.search.statistics
    verdict = claim(campaign, stage)
    result = CaseResult.of(
        case,
        verdict,
        executions=statistics.executions,
        traces=statistics.traces,
        blocked=statistics.blocked,
        duplicates=statistics.duplicates,
        elapsed_s=time.monotonic() - started,
        certificate=certify(case, stage, campaign, checks),
        counterexamples=tuple(evidence.counterexamples),
        warnings=tuple(warnings),
        reports=evidence.reports,
        timelines=evidence.timelines,
    )
    if options.report_dir is not None:
        search = {
            "seed": options.seed,
            "faults": found.budget,
            "shared": isinstance(campaign.search, ParallelSearch) and campaign.search.shared,
        }
        write_certificate(options.report_dir, case, result, search)
    if campaign.interrupted:
        raise Interrupted(result)
    return result


def _search(case: Case, options: RunOptions, stage: Stage, report: Report) -> Deepened:
    """Run the searches of a case: of every smaller budget of faults first, where the search can end at all."""
    explore, begun = case.explore, time.monotonic()
    whole = _begin(case, options, stage, stage.program, explore.faults)
    limits = Limits(
        explore.executions if options.executions is None else options.executions,
        explore.time_ns if options.time_ns is None else options.time_ns,
        explore.after_violation,
    )

    def campaign_for(budget: int) -> Campaign:
        program = stage.with_fewer_faults(budget).program if budget < explore.faults else stage.program
        checkpoint, search, payload = (
            whole if budget == explore.faults else _begin(case, options, stage, program, budget)
        )
        campaign = Campaign(
            program,
            search,
            limits,
            progress=lambda running: report(_progress(running)),
            checkpoint=checkpoint,
            summarise=outcome_digest,
            stock=explore.semantics == "stock",
            timed=stage.setting.latency is not None,
            notes=stage.notes,
            learn=stage.learn,
            started_s=begun,
        )
        if payload is not None:
            campaign.thaw(payload)
        return campaign

    at_once = explore.strategy != "dpor" or explore.bounded or whole[2] is not None
    return deepened(campaign_for, explore.faults, at_once=at_once)


def search_for(case: Case, program: Program, seed: int) -> Search:
    """Return the search that a case asks for, at its beginning."""
    explore = case.explore
    bound = bounded(program, explore.strategy, reversals=explore.reversals, delays=explore.delays)
    return build(explore.strategy, program, seed=seed) if bound is None else bound


@dataclass(slots=True)
class _Evidence:
    """What there is to show for the violations of a case."""

    counterexamples: list[Counterexample] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    timelines: dict[str, Any] = field(default_factory=dict)
    reports: dict[str, Path] = field(default_factory=dict)


def _prove(case: Case, options: RunOptions, stage: Stage, campaign: Campaign, evidence: _Evidence) -> None:
    """Shrink, replay and draw what was found."""
    # Whoever pressed Ctrl-C waits.
    budget = _SHRINK_BUDGET_HURRY if campaign.interrupted else _SHRINK_BUDGET
    for proof in campaign.proofs(budget) if campaign.candidates else []:
        counterexample = counterexample_of(case, proof)
        if proof.finding.warning or (campaign.stock and proof.reachable is False):
            evidence.warnings.append(proof.finding)
        else:
            evidence.counterexamples.append(counterexample)
        drawing, path = _draw(case, options, stage, campaign, proof, counterexample)
        evidence.timelines[counterexample.token] = drawing
        if path is not None:
            evidence.reports[counterexample.token] = path


def claim(campaign: Campaign, stage: Stage) -> Verdict:
    """Return the verdict; where something is known to be invisible, nothing is proven."""
    verdict = campaign.verdict()
    if verdict is Verdict.PROVEN and stage.holes():
        campaign.bounds.append("holes: something is shared that the reduction does not see")
        return Verdict.PASSED
    return verdict


def _begin(
    case: Case, options: RunOptions, stage: Stage, program: Program, budget: int
) -> tuple[Checkpoint | None, Search, Any]:
    """Return, for a budget of faults, where its search is kept, the search, and what an interrupted run had found."""
    folder = options.report_dir if options.report_dir is not None else options.checkpoint_dir
    fresh = _alone_or_not(case, options, stage, program, budget)
    if case.explore.strategy != "dpor" or case.explore.bounded or folder is None:
        return None, fresh, None
    smaller = f"-faults-{budget}" if budget < case.explore.faults else ""
    stem = report_stem(case.scenario.name, dict(case.values), f"checkpoint{smaller}")
    code = code_fingerprint([Path(case.scenario.path), *stage.sources()])
    checkpoint = Checkpoint(folder / f"{stem}.json", f"{case.title}{smaller}", code)
    if not options.resume or not checkpoint.file.exists():
        return checkpoint, fresh, None

    def share(content: dict[str, Any]) -> ParallelSearch:
        return _together(case, options, stage, program, budget, thaw_shared(content))

    search, payload = checkpoint.resume(program, share if options.jobs > 1 else None)
    if options.jobs > 1 and isinstance(search, DporSearch):
        search = _together(case, options, stage, program, budget, search)
    return checkpoint, search, payload


def _alone_or_not(case: Case, options: RunOptions, stage: Stage, program: Program, faults: int) -> Search:
    """Return a search at its beginning, in several processes if there is to be more than one."""
    search = search_for(case, program, options.seed)
    if options.jobs < 2 or not isinstance(search, DporSearch):
        return search
    return _together(case, options, stage, program, faults, search)


def _together(
    case: Case,
    options: RunOptions,
    stage: Stage,
    program: Program,
    faults: int,
    begin: DporSearch | tuple[Tree, Statistics],
) -> ParallelSearch:
    return ParallelSearch(program, CaseOpener(case, faults), options.jobs, begin, learn=stage.learn)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with what was known when it came."""

    def __init__(self, result: CaseResult) -> None:
        super().__init__()
        self.result = result


def counterexample_of(case: Case, proof: Proof) -> Counterexample:
    """Return the counterexample with its token."""
    token = Token(
        case.subject, int(proof.digest[:8], 16), proof.schedule, proof.finding.invariant, proof.places
    ).encode()
    return Counterexample(
        proof.finding,
        proof.schedule,
        proof.digest,
        token,
        proof.reachable,
        len(proof.schedule.deviations),
        proof.minimal,
        proof.deliveries,
    )


def _progress(campaign: Campaign) -> Progress:
    statistics = campaign.search.statistics
    forecast = campaign.search.estimate(campaign.elapsed_s)
    return Progress(
        statistics.executions,
        statistics.traces,
        forecast.low,
        forecast.high,
        forecast.eta_s,
        campaign.elapsed_s,
        len(campaign.candidates),
        campaign.interrupted,
    )


# -- drawing ----------------------------------------------------------------------------------------------


def _draw(
    case: Case, options: RunOptions, stage: Stage, campaign: Campaign, proof: Proof, counterexample: Counterexample
) -> tuple[Any, Any]:
    from simharness.report.save import save_timeline
    from simharness.report.timeline import Heading, render

    failing = record(stage.program, proof.schedule)
    passing = contrast(stage.program, failing, proof.finding.kind, timed=campaign.timed)
    statistics = campaign.search.statistics
    heading = Heading(
        case.scenario.name,
        dict(case.values),
        order=proof.number,
        explored=statistics.executions,
        all_explored=campaign.exhausted,
    )
    layout = options.layout
    drawing = render(
        failing, passing, heading, counterexample, width=layout.width, ascii_only=layout.ascii_only, full=layout.full
    )
    if options.report_dir is None:
        return drawing, None
    saved = save_timeline(options.report_dir, failing, passing, heading, counterexample)
    return drawing, saved.text
