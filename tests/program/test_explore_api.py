"""The public functions on plain asyncio programs."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import simharness
from simharness.core.schedule import Deviation, Schedule
from simharness.core.token import Token, decode
from simharness.errors import ReplayDiverged, ScenarioError, TokenError
from simharness.loop import garbage

Program = Callable[[], Coroutine[Any, Any, Any]]


def race(symbols: int, *, fixed: bool) -> Program:
    """Return the canonical race: cancel, the stream says so, a handler reads the reason that was committed or not."""

    async def program() -> Callable[[], tuple[str, ...]]:
        world = simharness.world()
        rows: dict[str, dict[str, str | None]] = {}

        def trade(symbol: str) -> None:
            rows[symbol] = {"reason": None, "status": "ACTIVE"}
            events = world.stream(f"user {symbol}")

            def read() -> str | None:
                return rows[symbol]["reason"]

            def commit() -> None:
                rows[symbol]["reason"] = "UPDATE"

            def stop() -> None:
                rows[symbol]["status"] = "STOPPED"

            async def handler() -> None:
                await events.get()
                if await world.call(read) is None:
                    await world.call(stop)

            async def endpoint() -> None:
                if fixed:
                    await world.call(commit)
                await world.call(lambda: events.push("canceled"))
                if not fixed:
                    await world.call(commit)

            asyncio.create_task(handler())
            asyncio.create_task(endpoint())

        for number in range(symbols):
            trade(f"S{number}")
        return lambda: tuple(str(row["status"]) for row in rows.values())

    return program


def all_active(outcome: tuple[str, ...]) -> bool:
    return set(outcome) == {"ACTIVE"}


@pytest.mark.parametrize("symbols", [1, 2, 3, 4])
def test_the_canonical_race_is_found_in_every_combination_of_symbols(symbols: int) -> None:
    result = simharness.explore(race(symbols, fixed=False), check=all_active)
    assert result.verdict == "violated"
    assert (result.executions, result.traces, result.blocked, result.duplicates) == (2**symbols, 2**symbols, 0, 0)
    assert len(result.outcomes) == 2**symbols
    assert all(count == 1 for count in result.outcomes.values())
    assert result.violations[0].reachable_on_stock_asyncio is True


@pytest.mark.parametrize("symbols", [1, 4])
def test_commit_before_cancel_is_proven_in_one_execution(symbols: int) -> None:
    result = simharness.explore(race(symbols, fixed=True), check=all_active)
    assert (result.verdict, result.executions, result.violations) == ("proven", 1, ())
    assert result.certificate.exhausted
    assert result.certificate.holes == ()


def test_brute_force_finds_the_same_outcomes_with_more_executions() -> None:
    reduced = simharness.explore(race(1, fixed=False))
    brute = simharness.explore(race(1, fixed=False), strategy="brute")
    assert set(brute.outcomes) == set(reduced.outcomes)
    assert brute.executions > reduced.executions
    assert brute.traces == reduced.traces


@pytest.mark.parametrize("strategy", ["pos", "pct", "random"])
def test_sampling_finds_the_race_and_never_claims_a_proof(strategy: str) -> None:
    buggy = simharness.explore(race(1, fixed=False), strategy=strategy, executions=60, check=all_active, seed=1)
    assert buggy.verdict == "violated"
    fixed = simharness.explore(race(1, fixed=True), strategy=strategy, executions=60, check=all_active, seed=1)
    assert fixed.verdict == "passed"
    assert fixed.certificate.bounds


def test_a_token_replays_the_violation_and_belongs_to_one_program() -> None:
    program = race(1, fixed=False)
    token = simharness.explore(program, check=all_active).violations[0].token
    again = simharness.replay(program, token, check=all_active)
    assert again.happened_again
    assert again.same_trace
    assert again.outcome == ("STOPPED",)

    async def other() -> None:
        """A program that the token knows nothing of."""

    with pytest.raises(TokenError, match="another program"):
        simharness.replay(other, token)


def test_an_execution_limit_bounds_the_claim() -> None:
    result = simharness.explore(race(3, fixed=False), executions=3)
    assert (result.verdict, result.executions) == ("passed", 3)
    assert result.certificate.bounds == ("executions ≤ 3",)
    assert not result.certificate.exhausted


def test_an_exception_in_a_task_that_nobody_awaits_is_a_violation() -> None:
    async def program() -> None:
        async def fails() -> None:
            raise ValueError("nobody looks")

        simharness.shared({})["task"] = asyncio.create_task(fails())

    result = simharness.explore(program)
    assert result.verdict == "violated"
    assert "nobody looks" in result.violations[0].message


def test_an_exception_in_the_check_is_a_violation() -> None:
    async def program() -> int:
        return 3

    def check(outcome: int) -> None:
        assert outcome == 4, f"{outcome} is not 4"

    assert "3 is not 4" in simharness.explore(program, check=check).violations[0].message


def test_a_program_that_waits_for_ever_is_a_deadlock() -> None:
    async def program() -> None:
        await asyncio.Event().wait()

    result = simharness.explore(program)
    assert (result.verdict, result.violations[0].kind) == ("violated", "deadlock")


def test_fixed_sleeps_do_not_hide_a_race_between_calls() -> None:
    """Latency blindness: with one fixed latency a message, the short one would always win."""

    async def program() -> Callable[[], list[str]]:
        log: list[str] = []

        async def ask(name: str, delay: float) -> None:
            await asyncio.sleep(delay)
            await simharness.world().call(lambda: log.append(name))

        asyncio.create_task(ask("short", 1))
        asyncio.create_task(ask("long", 9))
        return lambda: list(log)

    outcomes = {tuple(each) if isinstance(each, list) else each for each in simharness.explore(program).outcomes}
    assert outcomes == {repr(["short", "long"]), repr(["long", "short"])}


def test_a_write_against_a_dict_that_is_unpacked_is_seen() -> None:
    """The false certificate of PEERS: ``{**d}`` reads every key."""

    async def program() -> Callable[[], tuple[int, ...]]:
        shared = {"a": 0}
        seen: list[int] = []

        async def copy() -> None:
            await simharness.world().call(lambda: None)
            seen.append({**shared}["a"])

        async def write() -> None:
            await simharness.world().call(lambda: None)
            shared["a"] = 1

        asyncio.create_task(copy())
        asyncio.create_task(write())
        return lambda: tuple(seen)

    assert set(simharness.explore(program).outcomes) == {(0,), (1,)}


def test_choices_and_faults_are_branches() -> None:
    async def program() -> Callable[[], tuple[str, ...]]:
        world = simharness.world()
        taken: list[str] = [world.choose(("first", "second"))]
        taken += [world.choose(("fine", "lost"), fault=True) for _ in range(3)]
        return lambda: tuple(taken)

    assert len(simharness.explore(program).outcomes) == 2
    with_one = simharness.explore(program, faults=1)
    assert len(with_one.outcomes) == 2 * 4
    assert len(simharness.explore(program, faults=2).outcomes) == 2 * 7


def test_code_that_is_not_tracked_makes_every_step_dependent(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Soundness first: what runs unseen may have touched anything, and the certificate says so."""
    (tmp_path / "foreign_ledger.py").write_text("BOOK = {}\ndef put(key, value):\n    BOOK[key] = value\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import foreign_ledger  # type: ignore[import-not-found]  # written just now

    async def program() -> Callable[[], tuple[Any, ...]]:
        foreign_ledger.BOOK.clear()

        async def write(value: int) -> None:
            await simharness.world().call(lambda: None)
            foreign_ledger.put("x", value)

        asyncio.create_task(write(1))
        asyncio.create_task(write(2))
        return lambda: tuple(foreign_ledger.BOOK.items())

    result = simharness.explore(program)
    assert set(result.outcomes) == {(("x", 1),), (("x", 2),)}
    assert any("foreign_ledger" in hole for hole in result.certificate.holes)
    tracked = simharness.explore(program, instrument=("foreign_ledger",))
    assert set(tracked.outcomes) == set(result.outcomes)
    assert tracked.certificate.holes == ()


def test_hooks_of_others_on_the_collector_are_no_code_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector runs between executions; whoever listens to it (hypothesis does) must not make steps opaque."""
    heard: list[str] = []
    somebody = {"__name__": "somebody", "heard": heard}
    exec("def listen(phase, info):\n    heard.append(phase)", somebody)
    monkeypatch.setattr(garbage, "_closed", 0)
    gc.callbacks.append(somebody["listen"])
    try:
        for executions_before in range(16):  # it runs after every sixteenth
            garbage._closed = executions_before
            result = simharness.explore(race(1, fixed=False), check=all_active)
            assert (result.executions, result.certificate.holes) == (2, ())
    finally:
        gc.callbacks.remove(somebody["listen"])
    assert heard


def test_an_unknown_strategy_is_refused_with_a_suggestion() -> None:
    async def program() -> None:
        """Do nothing."""

    with pytest.raises(ScenarioError, match="did you mean 'dpor'"):
        simharness.explore(program, strategy="dpro")


def test_a_schedule_of_changed_code_diverges_with_the_step() -> None:
    long = race(2, fixed=False)
    token = simharness.explore(long, check=all_active).violations[0].token

    async def short() -> None:
        """The same name, another program."""

    short.__qualname__ = long.__qualname__
    outcome = simharness.replay(short, token)
    assert not outcome.happened_again
    decoded = decode(token)
    far = Token(decoded.subject, decoded.trace, Schedule((Deviation(500, 1),))).encode()
    with pytest.raises(ReplayDiverged):
        simharness.replay(short, far)


def test_world_outside_of_an_exploration_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"simharness\.explore"):
        simharness.world()


def test_the_function_explore_survives_the_import_of_the_wing_of_that_name() -> None:
    import simharness.explore.dpor

    assert callable(simharness.explore)
    assert callable(simharness.world)


def test_a_timeline_shows_who_read_what_before_whom() -> None:
    program = race(1, fixed=False)
    (violation,) = simharness.explore(program, check=all_active).violations
    drawn = simharness.timeline(program, violation.token, check=all_active)
    assert "check all_active returned False for the outcome ('STOPPED',)" in drawn
    assert "One swap decides it: FAILS if [A]" in drawn
    assert "call trade.<locals>" not in drawn
    assert f"Replay  simharness.replay(program, '{violation.token}')" in drawn
    assert "frame of user S0: 'canceled'" in drawn


def test_a_timeline_of_what_no_longer_happens_says_so() -> None:
    (violation,) = simharness.explore(race(1, fixed=False), check=all_active).violations
    drawn = simharness.timeline(race(1, fixed=False), violation.token, check=lambda outcome: True)
    assert drawn == "program: it no longer happens under this schedule\n"


def test_a_token_can_be_replayed_under_the_horizon_that_it_was_found_under() -> None:
    async def program() -> None:
        async def late() -> None:
            await asyncio.sleep(60)
            raise ValueError("late")

        asyncio.create_task(late())
        await asyncio.sleep(1)
        raise ValueError("soon")

    (violation,) = simharness.explore(program, horizon="10s").violations
    assert violation.message == "ValueError: soon"
    assert simharness.replay(program, violation.token, horizon="10s").messages == ("ValueError: soon",)


def test_a_running_loop_is_left_alone() -> None:
    async def outer() -> None:
        with pytest.raises(RuntimeError, match="cannot run inside another"):
            simharness.explore(race(1, fixed=True))
        await asyncio.sleep(0)

    asyncio.run(outer())


def test_tasks_of_one_function_have_lanes_of_their_own() -> None:
    async def program() -> Callable[[], int]:
        world = simharness.world()
        book = {"total": 0}

        async def fill(quantity: int) -> None:
            total = book["total"]
            await world.call(lambda: None)
            book["total"] = total + quantity

        asyncio.create_task(fill(1))
        asyncio.create_task(fill(2))
        return lambda: book["total"]

    def three(total: int) -> bool:
        return total == 3

    (violation,) = simharness.explore(program, check=three).violations
    drawn = simharness.timeline(program, violation.token, check=three)
    assert "FAILS if [A] the fill 2's READ runs before [B] the fill's WRITE" in drawn


def test_smaller_budgets_of_faults_are_explored_first() -> None:
    async def program() -> Callable[[], tuple[str, ...]]:
        world = simharness.world()
        taken: list[str] = []

        async def ask(name: str) -> None:
            outcome = world.choose(("fine", "lost", "late", "twice", "garbled", "refused"), fault=True)
            taken.append(f"{name} {outcome}")

        for name in "abc":
            asyncio.create_task(ask(name))
        return lambda: tuple(sorted(taken))

    result = simharness.explore(program, faults=2)
    assert (result.verdict, result.traces) == ("proven", 1 + 3 * 5 + 3 * 25)
    assert result.certificate.checks["smaller budgets, explored first"] == (
        "faults ≤ 0: 1 interleavings; faults ≤ 1: 16 interleavings"
    )
    bounded = simharness.explore(program, faults=2, executions=80)
    assert (bounded.verdict, bounded.executions) == ("passed", 80)
    assert bounded.certificate.bounds == ("executions ≤ 80", "complete for faults ≤ 1")
    tighter = simharness.explore(program, faults=2, executions=20)
    assert (tighter.executions, tighter.certificate.bounds) == (20, ("executions ≤ 20", "complete for faults ≤ 0"))
