"""Which interleavings a latency leaves: against executions in which every message has its moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from differential import StockProgram
from random_programs import build, generate

import simharness
from simharness.core import name, trace
from simharness.core.footprint import EMPTY, recorder
from simharness.core.step import Arrival, Kind, Step
from simharness.core.trace import HappensBefore
from simharness.errors import ScenarioError
from simharness.explore.dpor import OptimalExplorer
from simharness.explore.latency import possible
from simharness.explore.reachable import realise
from simharness.loop.garbage import collected_between_executions
from simharness.loop.primitives import tracked_asyncio
from simharness.program.execution import ProgramExecution
from simharness.program.world import current_world

Program = Callable[[], Coroutine[Any, Any, Any]]
MS = 1_000_000
WINDOW = (10 * MS, 40 * MS)


@pytest.fixture
def _tracked() -> Iterator[None]:
    with tracked_asyncio(), collected_between_executions():
        yield


def timed_trace(program: Program, seed: int) -> int:
    """Run a stock loop on which every message takes a time that was drawn for it; return the interleaving."""
    chance = random.Random(seed)
    execution = StockProgram(program, latency=WINDOW)
    queues = execution.loop.queues
    due: dict[int, int] = {}
    now = 0
    kept = []
    while moves := execution.enabled():
        for process in queues.processes():
            earliest = now
            for item in queues.pending(process):
                if id(item) not in due:
                    kept.append(item)  # its address stays its own
                    least, most = item.window or (0, 50 * MS)
                    assert most is not None
                    # On a grid, so that things also happen at one moment.
                    due[id(item)] = max(earliest, now + chance.randrange(least, most + 1, 5 * MS))
                earliest = due[id(item)]
        at = {move: due[id(head)] if (head := queues.head(move)) is not None else now for move in moves}
        now = max(now, min(at.values()))
        execution.step(chance.choice([move for move in moves if at[move] <= now]))
    order = HappensBefore(execution.steps)
    assert possible(execution.steps, order)
    found = trace.fingerprint(execution.steps, order)
    execution.close()
    return found


def explored(program: Program, cap: int = 5_000) -> dict[int, tuple[bool, bool | None]] | None:
    """Return every interleaving with whether the latency leaves it and whether a stock loop can do it."""
    explorer = OptimalExplorer(lambda: ProgramExecution(program, latency=WINDOW))
    seen: dict[int, tuple[bool, bool | None]] = {}
    for execution in explorer.executions():
        order = HappensBefore(execution.steps)
        realised = realise(execution.steps, order, accepts=partial(possible, execution.steps, order))
        seen[trace.fingerprint(execution.steps, order)] = possible(execution.steps, order), realised.reachable
        if len(seen) >= cap:
            return None
    return seen


def ask(log: list[str], name: str, *, after: float = 0) -> Coroutine[Any, Any, None]:
    async def asking() -> None:
        if after:
            await asyncio.sleep(after)
        await current_world().call(lambda: log.append(f"{name} acts"))
        log.append(f"{name} is answered")

    return asking()


async def a_request_and_a_timer() -> Callable[[], Any]:
    log: list[str] = tracked_list()
    asyncio.create_task(ask(log, "a"))
    asyncio.get_running_loop().call_later(0.015, log.append, "timer")
    return lambda: tuple(log)


async def two_requests_apart() -> Callable[[], Any]:
    log: list[str] = tracked_list()
    asyncio.create_task(ask(log, "a"))
    asyncio.create_task(ask(log, "b", after=0.025))
    return lambda: tuple(log)


async def a_timeout_that_may_be_too_short() -> Callable[[], Any]:
    log: list[str] = tracked_list()

    async def patient() -> None:
        try:
            async with asyncio.timeout(0.07):
                await ask(log, "a")
        except TimeoutError:
            log.append("timeout")

    asyncio.create_task(patient())
    return lambda: tuple(log)


async def frames_and_an_answer() -> Callable[[], Any]:
    log: list[str] = tracked_list()
    stream = current_world().stream("s")

    async def reader() -> None:
        log.append(await stream.get())
        log.append(await stream.get())

    async def both() -> None:
        await current_world().call(lambda: (stream.push("one"), stream.push("two")))
        await asyncio.sleep(0.035)
        log.append("slept")

    asyncio.create_task(reader())
    asyncio.create_task(both())
    return lambda: tuple(log)


def tracked_list() -> Any:
    """Return a list of which every append is a write, as the rewriter would have it."""

    class Log(list[str]):
        def append(self, item: str) -> None:
            recorder.write(name.static("log"))
            super().append(item)

    return Log()


SMALL = (a_request_and_a_timer, two_requests_apart, a_timeout_that_may_be_too_short, frames_and_an_answer)


@pytest.mark.usefixtures("_tracked")
@pytest.mark.parametrize("program", SMALL, ids=lambda program: program.__name__)
def test_the_interleavings_left_are_those_that_a_timed_loop_can_have(program: Program) -> None:
    """Both ways: none that happens is left out, and every one that is left happens."""
    known = explored(program)
    assert known is not None
    seen = {timed_trace(program, seed) for seed in range(400)}
    left = {fingerprint for fingerprint, (fits, reachable) in known.items() if fits and reachable}
    assert seen == left
    assert len(left) < len(known)


@pytest.mark.usefixtures("_tracked")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # coroutines of abandoned executions are never awaited
def test_nothing_that_happens_to_random_programs_is_left_out() -> None:
    compared = 0
    for seed in range(120):
        program = build(generate(random.Random(seed), budget=2))
        known = explored(program, cap=60)
        if known is None:
            continue
        compared += 1
        for sample in range(4):
            fits, reachable = known[timed_trace(program, sample)]
            assert fits
            assert reachable is not False, seed
    assert compared > 40


def test_a_latency_decides_whether_a_timeout_can_strike() -> None:
    async def program() -> str:
        try:
            async with asyncio.timeout(1):
                await simharness.world().call(lambda: None)
        except TimeoutError:
            return "timeout"
        return "answered"

    def never(outcome: str) -> bool:
        return outcome == "answered"

    free = simharness.explore(program, check=never)
    assert free.verdict == "violated"
    short = simharness.explore(program, check=never, latency=("5ms", "400ms"))
    assert (short.verdict, set(short.outcomes), short.violations) == ("proven", {"answered"}, ())
    assert short.certificate.latency == "5ms..400ms"
    assert "possible with messages of 5ms..400ms" in short.certificate.checks["latency"]
    long = simharness.explore(program, check=never, latency=("5ms", "600ms"))
    assert (long.verdict, set(long.outcomes)) == ("violated", {"answered", "timeout"})
    always = simharness.explore(program, check=never, latency=("600ms", "700ms"))
    assert set(always.outcomes) == {"timeout"}


def test_a_counterexample_is_replayed_with_its_latency() -> None:
    """With another one the same schedule may be impossible; then nothing has happened again, whatever it shows."""

    async def program() -> str:
        try:
            async with asyncio.timeout(1):
                await simharness.world().call(lambda: None)
        except TimeoutError:
            return "timeout"
        return "answered"

    def never(outcome: str) -> bool:
        return outcome == "answered"

    (found,) = simharness.explore(program, check=never, latency=("5ms", "600ms")).violations
    again = simharness.replay(program, found.token, check=never, latency=("5ms", "600ms"))
    assert (again.happened_again, again.same_trace, again.possible) == (True, True, True)
    drawn = simharness.timeline(program, found.token, check=never, latency=("5ms", "600ms"))
    assert "reachable on stock asyncio: yes" in drawn
    short = simharness.replay(program, found.token, check=never, latency=("5ms", "400ms"))
    assert (short.happened_again, short.same_trace, short.possible) == (False, True, False)
    drawn = simharness.timeline(program, found.token, check=never, latency=("5ms", "400ms"))
    assert drawn == "program: no messages with a latency of 5ms..400ms come in this order\n"
    with pytest.raises(ScenarioError, match="longer than the longest"):
        simharness.replay(program, found.token, latency=("2s", "1s"))


def test_a_latency_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ScenarioError, match="longer than the longest"):
        simharness.explore(a_request_and_a_timer, latency=("2s", "1s"))


def step(process: int, kind: Kind, cause: int | None, window: tuple[int, int | None] | None = None) -> Step:
    return Step(process, 0, kind, Arrival.SELECT, "", EMPTY, cause, window=window)


def test_a_callback_does_not_wait() -> None:
    """What a message sets off happens at its moment: a later message cannot come before it by waiting."""
    sent = step(1, Kind.HANDLE, None)
    first, second = step(2, Kind.DELIVER, 0, (10, 20)), step(3, Kind.DELIVER, 0, (30, 40))
    late = step(2, Kind.HANDLE, 1)
    assert possible([sent, first, late, second])
    waiting = [sent, first, second, late]
    assert possible(waiting)  # independent: the order is none
    key = EMPTY._replace(writes=frozenset((7,)))
    assert not possible([sent, first, replace(second, footprint=key), replace(late, footprint=key)])
