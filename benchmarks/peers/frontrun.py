"""frontrun: dynamic partial order reduction over the awaits of the workers that it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.peers._contest import Answer, Peer, Search
from benchmarks.peers._program import Bot, Case
from benchmarks.peers._worlds import SleepingWorld, SoonWorld


def worker(bot: int, role: int) -> Callable[[list[Bot]], Coroutine[Any, Any, None]]:
    """Return one role of one bot as a worker over the state that ``setup`` has made."""

    async def work(bots: list[Bot]) -> None:
        await bots[bot].roles[role]()

    return work


def explore(case: Case, **options: Any) -> Answer:
    """Explore with each role as a worker, so that the exchange is one of them where it is a coroutine."""
    import frontrun

    roles = len(Bot(case.world(), "", fixed=True).roles)
    workers = [worker(bot, role) for bot in range(case.symbols) for role in range(roles)]

    async def exploration() -> Any:
        return await frontrun.explore(setup=case.bots, workers=workers, invariant=case.holds, **options)

    found = asyncio.run(exploration())
    if found.property_holds is None:
        return Answer(False, failure=f"inconclusive: {found.inconclusive_reason}")
    claim = f"property_holds after {found.num_explored} interleavings, exhausted={found.exhausted}"
    return Answer(not found.property_holds, claim if found.property_holds else "", (found.explanation or "")[:120])


def dpor(**options: Any) -> Callable[[Case, int], Answer]:
    """Return a search with these options; it knows no seed."""
    return lambda case, _: explore(case, **options)


PEER = Peer(
    "frontrun",
    finds=(
        Search("coroutine: explore()", dpor()),
        Search("callbacks: explore()", dpor(), SoonWorld),
        Search("sleeps: explore()", dpor(), SleepingWorld),
        Search('sleeps: explore(clock="explored")', dpor(clock="explored"), SleepingWorld),
    ),
    proofs=(
        Search("DPOR, preemption_bound=2 as by default", dpor()),
        Search("DPOR, preemption_bound=None", dpor(preemption_bound=None)),
    ),
    cannot=("simulates no network; callbacks and tasks other than its workers are not scheduled by it",),
)
