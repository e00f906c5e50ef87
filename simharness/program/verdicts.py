"""From a finished search to what a caller gets: the result and its certificate."""

from __future__ import annotations

from importlib import metadata
from platform import python_version

from simharness.core import trace
from simharness.core.token import Token
from simharness.core.verdict import Certificate, Verdict
from simharness.explore.campaign import Proof
from simharness.explore.component_search import ComponentSearch
from simharness.explore.deepening import Deepened
from simharness.program.result import Result, Violation
from simharness.program.setup import Setup
from simharness.program.stage import ProgramStage

_ASSUMPTIONS = (
    "the program builds its state anew whenever it is called",
    "one event loop in one thread; functions sent to threads run atomically",
    "virtual time moves only when timers fire",
)

_ONE_BY_ONE = (
    "components were explored one by one, each with one order of the others: every check reads one component, and no "
    "step of an execution, nor two steps of different executions, linked two of them"
)


def result_of(stage: ProgramStage, found: Deepened, strategy: str) -> Result:
    """Shrink and replay what was found, and say what may be claimed.

    Args:
        stage: the program, still set up.
        found: the search that has ended.
        strategy: how it searched.
    """
    campaign = found.campaign
    statistics = campaign.search.statistics
    violations = [(proof, _violation(stage.setup, proof)) for proof in campaign.proofs()]
    verdict = campaign.verdict()
    forecast = campaign.search.estimate(campaign.elapsed_s)
    coverage = campaign.search.coverage()
    return Result(
        verdict=verdict,
        executions=statistics.executions,
        traces=statistics.traces,
        blocked=statistics.blocked,
        duplicates=statistics.duplicates,
        outcomes=dict(campaign.outcomes),
        violations=tuple(each for proof, each in violations if not _warns(proof, verdict)),
        warnings=tuple(each for proof, each in violations if _warns(proof, verdict)),
        certificate=_certificate(stage, found, strategy),
        estimate=None if forecast.low is None or forecast.high is None else (forecast.low, forecast.high),
        unseen=None if coverage is None else coverage.unseen_share,
    )


def _certificate(stage: ProgramStage, found: Deepened, strategy: str) -> Certificate:
    setup, campaign = stage.setup, found.campaign
    statistics = campaign.search.statistics
    assumptions: tuple[str, ...] = _ASSUMPTIONS
    checks: dict[str, object] = {
        "probes": statistics.probes,
        "probe audit": "every probe",
        "determinism audit": "every step whose causal past came up before",
        **campaign.latency_check(setup.spelt_latency),
        **found.checks(),
    }
    if isinstance(campaign.search, ComponentSearch):
        assumptions += (_ONE_BY_ONE,)
        checks["components"] = campaign.search.explored
    return Certificate(
        semantics=setup.semantics.value,
        latency=setup.spelt_latency,
        faults=setup.faults,
        horizon=setup.horizon or "none",
        dependence=stage.dependence,
        bounds=tuple(campaign.bounds),
        versions={"python": python_version(), "simharness": metadata.version("simharness")},
        strategy=strategy,
        executions=statistics.executions,
        traces=statistics.traces,
        blocked=statistics.blocked,
        duplicates=statistics.duplicates,
        exhausted=campaign.exhausted,
        traces_digest=trace.combined(statistics.fingerprints),
        assumptions=assumptions,
        checks=checks,
        holes=stage.reasons,
    )


def _violation(setup: Setup, proof: Proof) -> Violation:
    token = Token(setup.subject, int(proof.digest[:8], 16), proof.schedule, proof.finding.invariant, proof.places)
    return Violation(
        proof.finding.invariant,
        proof.finding.message,
        token.encode(),
        proof.reachable,
        len(proof.schedule.deviations),
        proof.minimal,
        proof.deliveries,
    )


def _warns(proof: Proof, verdict: Verdict) -> bool:
    return proof.finding.warning or (proof.reachable is False and verdict is not Verdict.VIOLATED)
