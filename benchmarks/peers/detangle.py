"""detangle: searches and prints the schedule that fails; ``DFS`` tries all within a number of deviations."""

from __future__ import annotations

from typing import Any

from benchmarks.peers._contest import Answer, Peer, Search
from benchmarks.peers._program import Case
from benchmarks.peers._worlds import SleepingWorld, SoonWorld

EVERY_DEVIATION = 10**9
EVERY_RUN = 10**9


def explore(case: Case, program: Any, **options: Any) -> Answer:
    """Explore; failing schedules of earlier runs are not remembered, and the default of 200 runs is kept."""
    import detangle

    try:
        found = detangle.explore(program, database=False, **options)
    except detangle.BugFound as bug:
        return Answer(True, failure=f"{bug.report.failure.kind}: {bug.report.failure.exception!r}")
    return Answer(False, "every schedule within the bound" if found.exhausted else "")


def sample(case: Case, seed: int) -> Answer:
    """Use the default portfolio."""
    return explore(case, case.main, seed=seed)


def sample_with_jitter(case: Case, seed: int) -> Answer:
    """Let timers fire late."""
    return explore(case, case.main, seed=seed, timer_jitter=0.01)


def sample_network(case: Case, seed: int) -> Answer:
    """Play the exchange on another host; latencies are the default, 0.5 to 5 ms."""
    import detangle

    async def program() -> None:
        await case.main_behind_sockets(lambda serve: detangle.spawn(serve(), host="exchange"))

    return explore(case, program, seed=seed)


def exhaust(case: Case, deviations: int) -> Answer:
    """Try every schedule with so many deviations."""
    import detangle

    return explore(case, case.main, strategy=detangle.DFS(max_delays=deviations), runs=EVERY_RUN)


PEER = Peer(
    "detangle",
    finds=(
        Search("coroutine: explore()", sample),
        Search("callbacks: explore()", sample, SoonWorld),
        Search("sleeps: explore()", sample, SleepingWorld),
        Search("sleeps: explore(timer_jitter=0.01)", sample_with_jitter, SleepingWorld),
        Search("network: explore()", sample_network),
    ),
    proofs=(
        Search("DFS(max_delays=3)", lambda case, _: exhaust(case, 3)),
        Search("DFS, any number of delays", lambda case, _: exhaust(case, EVERY_DEVIATION)),
    ),
)
