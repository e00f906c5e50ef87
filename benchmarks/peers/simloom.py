"""simloom: samples seeds; ``systematic`` tries every schedule within a number of delays."""

from __future__ import annotations

from typing import Any

from benchmarks.peers._contest import Answer, Peer, Search
from benchmarks.peers._program import Case
from benchmarks.peers._worlds import SleepingWorld, SoonWorld

RUNS = 200
EVERY_DELAY = 10**9
EVERY_SCHEDULE = 10**9


def explore(program: Any, seed: int, **options: Any) -> Answer:
    """Sample universes as ``@simloom.test`` does, which is to have virtual time and seeded randomness."""
    import simloom

    found = simloom.explore(
        program, runs=RUNS, start_seed=seed * RUNS, virtual_time=True, seed_randomness=True, **options
    )
    return Answer(found.failed, failure=found.summary())


def sample(case: Case, seed: int) -> Answer:
    """Use the default scheduler."""
    return explore(case.main, seed)


def sample_network(case: Case, seed: int) -> Answer:
    """Play the exchange on another host; latencies are the default, 0.5 to 20 ms."""

    async def program(world: Any) -> None:
        await case.main_behind_sockets(world.host("exchange").spawn)

    return explore(program, seed)


def exhaust(case: Case, delays: int) -> Answer:
    """Try every schedule with so many delays, as ``@simloom.test(systematic=True)`` does."""
    import simloom

    found = simloom.explore_systematic(
        case.main, max_delays=delays, max_schedules=EVERY_SCHEDULE, virtual_time=True, seed_randomness=False
    )
    claim = "proven_correct: no interleaving within the delays fails" if found.proven_correct else ""
    return Answer(found.failed, claim, str(found.failures))


PEER = Peer(
    "simloom",
    finds=(
        Search("coroutine: explore(runs=200)", sample),
        Search("callbacks: explore(runs=200)", sample, SoonWorld),
        Search("sleeps: explore(runs=200)", sample, SleepingWorld),
        Search("network: explore(runs=200)", sample_network),
    ),
    proofs=(
        Search("systematic, max_delays=3", lambda case, _: exhaust(case, 3)),
        Search("systematic, any number of delays", lambda case, _: exhaust(case, EVERY_DELAY)),
    ),
    python=(3, 12),
)
