"""simharness, under the same questions as the others."""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.peers._contest import Answer, Peer, Search
from benchmarks.peers._program import Case
from benchmarks.peers._worlds import SleepingWorld, SoonWorld, World


def outside() -> World:
    """Return the world of the execution at hand."""
    import simharness

    return simharness.world()


def explore(case: Case, semantics: Any = "stock", **options: Any) -> Answer:
    """Explore; every violation counts, warnings do not."""
    import simharness

    async def program() -> Any:
        bots = case.bots()
        program.tasks = [asyncio.create_task(role()) for bot in bots for role in bot.roles]  # type: ignore[attr-defined]
        return lambda: case.holds(bots)

    found = simharness.explore(
        program, check=lambda holds: holds, semantics=semantics, instrument=["benchmarks.peers"], **options
    )
    claim = f"{found.verdict}, {found.executions} interleaving{'s' if found.executions > 1 else ''}"
    if found.warnings:
        claim += ", and warns of an order that stock asyncio cannot take"
    failure = "; ".join(f"{each.kind}: {each.message}" for each in found.violations)
    return Answer(bool(found.violations), claim, failure)


def any_order(case: Case, _: int) -> Answer:
    """Reorder ready tasks, as the other tools do."""
    return explore(case, "any-order")


def stock(case: Case, _: int) -> Answer:
    """Reorder what comes from outside, and nothing that asyncio orders."""
    return explore(case)


def from_outside(case: Case, seed: int) -> Answer:
    """Explore with our world, where nothing but the right verdict will do."""
    answer = stock(case, seed)
    assert answer.claim.startswith("proven" if case.fixed else "violated"), answer
    return answer


def sample(case: Case, seed: int) -> Answer:
    """Reorder ready tasks at random, without a proof in view."""
    return explore(case, "any-order", strategy="random", executions=1_000, seed=seed)


PEER = Peer(
    "simharness",
    finds=(
        Search("world(): explore()", from_outside, outside),
        Search('coroutine: explore(semantics="any-order")', any_order),
        Search("coroutine: explore()", stock),
        Search("callbacks: explore()", stock, SoonWorld),
        Search("sleeps: explore()", stock, SleepingWorld),
        Search('sleeps: explore(semantics="any-order")', any_order, SleepingWorld),
    ),
    pace=Search('coroutine: explore(semantics="any-order", strategy="random")', sample),
    proofs=(
        Search("world(): explore()", from_outside, outside),
        Search('coroutine: explore(semantics="any-order")', any_order),
    ),
    ours=True,
)
