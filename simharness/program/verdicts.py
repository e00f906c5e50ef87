"""From a finished search to what a caller gets: the result and its certificate."""

from __future__ import annotations

from simharness.core import trace
from simharness.core.token import Token
from simharness.core.verdict import Certificate, Verdict, versions_of
from simharness.explore.campaign import Campaign, Proof
from simharness.explore.component_search import ComponentSearch
from simharness.explore.deepening import Deepened
from simharness.program.result import Result, Violation
from simharness.program.search import Plan
from simharness.program.setup import Setup
from simharness.program.stage import ProgramStage

_ASSUMPTIONS = (
    "the program builds its state anew whenever it is called",
    "one event loop in one thread; functions sent to threads run atomically",
    "virtual time moves only when timers fire",
)

# Of the seam under the database, besides what is said of a program.
_OF_A_DATABASE = (
    "the database is put back to what the schema made before each execution",
    "libraries behave as the table of scopes says",
)
_COMMUTING = (
    "which connection of SQLAlchemy's pools a task gets makes no difference, and a pool keeps what it once opened"
)

_DRIVERS = ("aiosqlite", "asyncpg", "psycopg", "sqlalchemy")

# Pairs of independent steps that every certificate with a database rests on having been swapped without a difference.
_AUDITED_PAIRS = 4

_ONE_BY_ONE = (
    "components were explored one by one, each with one order of the others: every check reads one component, and no "
    "step of an execution, nor two steps of different executions, linked two of them"
)


def result_of(stage: ProgramStage, found: Deepened, plan: Plan) -> Result:
    """Shrink and replay what was found, and say what may be claimed.

    Args:
        stage: the program, still set up.
        found: the search that has ended.
        plan: how it searched.

    Raises:
        SelfCheckFailed: a swap of independent steps made a difference.
    """
    campaign = found.campaign
    audited = {}
    if stage.served is not None and not campaign.interrupted:
        audited = campaign.audit(_AUDITED_PAIRS, plan.seed)
    statistics = campaign.search.statistics
    violations = [(proof, _violation(stage.setup, proof)) for proof in campaign.proofs()]
    verdict = _claim(stage, campaign)
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
        certificate=_certificate(stage, found, plan.strategy, audited),
        estimate=None if forecast.low is None or forecast.high is None else (forecast.low, forecast.high),
        unseen=None if coverage is None else coverage.unseen_share,
    )


def _claim(stage: ProgramStage, campaign: Campaign) -> Verdict:
    """Return the verdict; where something is known to be invisible, nothing is proven."""
    verdict = campaign.verdict()
    if verdict is Verdict.PROVEN and stage.holes():
        campaign.bounds.append("holes: something is shared that the reduction does not see")
        return Verdict.PASSED
    return verdict


def _certificate(stage: ProgramStage, found: Deepened, strategy: str, audited: dict[str, object]) -> Certificate:
    setup, campaign = stage.setup, found.campaign
    statistics = campaign.search.statistics
    assumptions: tuple[str, ...] = _ASSUMPTIONS
    checks: dict[str, object] = {
        "probes": statistics.probes,
        "probe audit": "every probe",
        "determinism audit": "every step whose causal past came up before",
        **campaign.latency_check(setup.spelt_latency),
        **found.checks(),
        **audited,
    }
    if stage.served is not None:
        pools = stage.served.pools.exact or {_COMMUTING}
        assumptions += (*_OF_A_DATABASE, *sorted(pools), *stage.coarse())
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
        database="none" if stage.served is None else stage.served.port.description,
        versions=versions_of(("simharness", *(() if stage.served is None else _DRIVERS))),
        strategy=strategy,
        executions=statistics.executions,
        traces=statistics.traces,
        blocked=statistics.blocked,
        duplicates=statistics.duplicates,
        exhausted=campaign.exhausted,
        traces_digest=trace.combined(statistics.fingerprints),
        assumptions=assumptions,
        checks=checks,
        holes=(*stage.reasons, *stage.holes()),
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
