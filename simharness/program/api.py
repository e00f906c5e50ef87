"""The public functions: explore any asyncio program, replay what was found."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from importlib import metadata
from platform import python_version
from time import monotonic
from typing import Any, Literal

from simharness.core import trace
from simharness.core.step import Window
from simharness.core.time import parse_duration_ns, seconds_to_ns
from simharness.core.token import Token, decode, subject_of
from simharness.core.verdict import Certificate, Verdict
from simharness.errors import ScenarioError, TokenError
from simharness.explore.bounded import bounded
from simharness.explore.campaign import Campaign, Limits, Proof
from simharness.explore.component_search import ComponentSearch
from simharness.explore.deepening import Deepened, deepened
from simharness.explore.exhaustive.dpor import DporSearch
from simharness.explore.latency import possible
from simharness.explore.parallel.search import ParallelSearch
from simharness.explore.places import refollow
from simharness.explore.strategy import Search, build
from simharness.loop.execution import Semantics
from simharness.program.opener import ProgramOpener
from simharness.program.result import Replayed, Result, Violation
from simharness.program.stage import ProgramStage, program_staged

Program = Callable[[], Coroutine[Any, Any, Any]]

_ASSUMPTIONS = (
    "the program builds its state anew whenever it is called",
    "one event loop in one thread; functions sent to threads run atomically",
    "virtual time moves only when timers fire",
)

_ONE_BY_ONE = (
    "components were explored one by one, each with one order of the others: every check reads one component, and no "
    "step of an execution, nor two steps of different executions, linked two of them"
)


def explore(
    program: Program,
    *,
    semantics: Literal["stock", "quiescent", "any-order"] = "stock",
    strategy: str = "dpor",
    faults: int = 0,
    executions: int | None = 100_000,
    time: float | str | None = None,
    instrument: tuple[str, ...] | list[str] = (),
    check: Callable[[Any], object] | Mapping[str, Callable[[Any], object]] | None = None,
    seed: int = 0,
    horizon: str | None = None,
    latency: tuple[str, str] | None = None,
    reversals: int | None = None,
    delays: int | None = None,
    jobs: int = 1,
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

    Returns:
        What was found. An exception in the program, in a task that nobody awaits, or in ``check`` is a violation.

    Raises:
        ScenarioError: there is no such strategy, or a duration makes no sense.
        Nondeterminism: something outside of the simulation influenced the program.
        SelfCheckFailed: the exploration is not sound for this program; the message names the hole.
    """
    limits = Limits(executions, _wall_time_ns(time))
    with program_staged(
        program,
        check,
        semantics=Semantics(semantics),
        faults=faults,
        horizon_ns=horizon_in_ns(horizon),
        latency=window_in_ns(latency),
        packages=tuple(instrument),
    ) as stage:
        stock, timed = semantics == "stock", latency is not None
        levels = strategy == "dpor" and (reversals, delays) == (None, None)
        # A latency, and a stock loop, take or refuse the orders of all components together, so these are not enough.
        by_component = isinstance(check, Mapping) and levels and not timed
        begun = monotonic()

        def campaign_for(budget: int) -> Campaign:
            start = partial(stage.program, budget)
            search: Search | None = bounded(start, strategy, reversals=reversals, delays=delays)
            if search is None:
                search = ComponentSearch(start) if by_component else build(strategy, start, seed=seed)
            if jobs > 1 and isinstance(search, DporSearch):
                search = ParallelSearch(start, ProgramOpener.of(stage, tuple(instrument), budget), jobs, search)
            return Campaign(start, search, limits, stock=stock, timed=timed, started_s=begun)

        found = deepened(campaign_for, faults, at_once=not levels)
        if by_component and found.campaign.doubtful and not found.campaign.interrupted:
            # Among other orders of the others there may be one that a stock loop takes: the product knows.
            by_component = False
            found = deepened(campaign_for, faults)
        campaign = found.campaign
        violations = [(proof, _violation(program, proof)) for proof in campaign.proofs()]
        result = _result(stage, found, strategy, horizon, latency, violations)
    if campaign.interrupted:
        raise KeyboardInterrupt
    return result


def replay(
    program: Program,
    token: str,
    *,
    check: Callable[[Any], object] | Mapping[str, Callable[[Any], object]] | None = None,
    instrument: tuple[str, ...] | list[str] = (),
    semantics: Literal["stock", "quiescent", "any-order"] = "stock",
    faults: int = 0,
    horizon: str | None = None,
    latency: tuple[str, str] | None = None,
) -> Replayed:
    """Run the schedule of a token once more; if the code has changed, by what was to happen in place of what.

    Args:
        program: the program that the token came from.
        token: from a :class:`Violation`.
        check: as it was given to :func:`explore`; and so on for the other arguments.

    Raises:
        ScenarioError: a duration makes no sense.
        TokenError: the token is damaged or belongs to another program.
        ReplayDiverged: the program does not offer what the schedule asks for, and the token knows no places.
        Nondeterminism: the same choices lead to different traces.
    """
    decoded = decode(token)
    belongs(program, decoded)
    with program_staged(
        program,
        check,
        semantics=Semantics(semantics),
        faults=faults,
        horizon_ns=horizon_in_ns(horizon),
        latency=window_in_ns(latency),
        packages=tuple(instrument),
    ) as stage:
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
    return parse_duration_ns(time) if isinstance(time, str) else seconds_to_ns(time)


def horizon_in_ns(horizon: str | None) -> int | None:
    """Return a horizon such as ``10m`` in nanoseconds; None for none."""
    return None if horizon is None else parse_duration_ns(horizon)


def belongs(program: Program, token: Token) -> str:
    """Return the name of the program that a token belongs to.

    Raises:
        TokenError: it is the token of another one.
    """
    function = getattr(program, "func", program)
    if token.subject != _subject(program):
        raise TokenError(f"the token belongs to another program than {function.__module__}.{function.__qualname__}")
    name: str = function.__qualname__.rpartition("<locals>.")[2]
    return name


def window_in_ns(latency: tuple[str, str] | None) -> Window | None:
    """Return the shortest and the longest time of a message in nanoseconds; None for any time.

    Raises:
        ScenarioError: the shortest is longer than the longest.
    """
    if latency is None:
        return None
    least, most = (parse_duration_ns(each) for each in latency)
    if least > most:
        raise ScenarioError(f"latency: the shortest ({latency[0]}) is longer than the longest ({latency[1]})")
    return least, most


def _subject(program: Program) -> int:
    function = getattr(program, "func", program)
    return subject_of("program", function.__qualname__)


def _violation(program: Program, proof: Proof) -> Violation:
    token = Token(_subject(program), int(proof.digest[:8], 16), proof.schedule, proof.finding.invariant, proof.places)
    return Violation(
        proof.finding.invariant,
        proof.finding.message,
        token.encode(),
        proof.reachable,
        len(proof.schedule.deviations),
        proof.minimal,
        proof.deliveries,
    )


def _result(
    stage: ProgramStage,
    found: Deepened,
    strategy: str,
    horizon: str | None,
    latency: tuple[str, str] | None,
    violations: list[tuple[Proof, Violation]],
) -> Result:
    campaign = found.campaign
    statistics = campaign.search.statistics
    verdict = campaign.verdict()
    forecast = campaign.search.estimate(campaign.elapsed_s)
    coverage = campaign.search.coverage()
    spelt = "any" if latency is None else f"{latency[0]}..{latency[1]}"
    assumptions: tuple[str, ...] = _ASSUMPTIONS
    checks: dict[str, object] = {
        "probes": statistics.probes,
        "probe audit": "every probe",
        **campaign.latency_check(spelt),
        **found.checks(),
    }
    if isinstance(campaign.search, ComponentSearch):
        assumptions += (_ONE_BY_ONE,)
        checks["components"] = campaign.search.explored
    certificate = Certificate(
        semantics=stage.semantics.value,
        latency=spelt,
        faults=stage.faults,
        horizon=horizon or "none",
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
    return Result(
        verdict=verdict,
        executions=statistics.executions,
        traces=statistics.traces,
        blocked=statistics.blocked,
        duplicates=statistics.duplicates,
        outcomes=dict(campaign.outcomes),
        violations=tuple(each for proof, each in violations if not _warns(proof, verdict)),
        warnings=tuple(each for proof, each in violations if _warns(proof, verdict)),
        certificate=certificate,
        estimate=None if forecast.low is None or forecast.high is None else (forecast.low, forecast.high),
        unseen=None if coverage is None else coverage.unseen_share,
    )


def _warns(proof: Proof, verdict: Verdict) -> bool:
    return proof.finding.warning or (proof.reachable is False and verdict is not Verdict.VIOLATED)
