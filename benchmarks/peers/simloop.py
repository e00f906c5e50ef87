"""simloop: samples seeds."""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.peers._contest import Answer, Peer, Search
from benchmarks.peers._program import Case
from benchmarks.peers._worlds import SleepingWorld, SoonWorld

RUNS = 200


def explore(program: Any, seed: int) -> Answer:
    """Run 200 seeds, as the README does."""
    import simloop

    found = simloop.explore(program, range(seed * RUNS, (seed + 1) * RUNS))
    return Answer(found is not None, failure=repr(found.exception) if found else "")


def sample(case: Case, seed: int) -> Answer:
    """Use the default policy."""
    return explore(case.main, seed)


def sample_network(case: Case, seed: int) -> Answer:
    """Play the exchange on another host, with the latencies of the README."""

    async def program() -> None:
        net: Any = asyncio.get_running_loop().net  # type: ignore[attr-defined]  # it is simloop's loop
        net.set_defaults(latency=(0.001, 0.050))
        await case.main_behind_sockets(lambda serve: net.host("exchange").create_task(serve()))

    return explore(program, seed)


PEER = Peer(
    "simloop",
    finds=(
        Search("coroutine: explore(), 200 seeds", sample),
        Search("callbacks: explore(), 200 seeds", sample, SoonWorld),
        Search("sleeps: explore(), 200 seeds", sample, SleepingWorld),
        Search("network, 1 to 50 ms: explore(), 200 seeds", sample_network),
    ),
    cannot=("claims no proof: it samples seeds",),
    python=(3, 12),
)
