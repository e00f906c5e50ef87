"""Plain asyncio programs run on our loop as on any other, quietly and without leaving anything behind."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import pytest

from simharness.core import lane
from simharness.errors import Nondeterminism, SpinningProgram
from simharness.loop.execution import LoopExecution
from simharness.loop.guard import determinism_guard
from simharness.loop.primitives import tracked_asyncio
from simharness.program.execution import ProgramExecution

Program = Callable[[], Coroutine[Any, Any, Any]]


@pytest.fixture(autouse=True)
def _tracked() -> Iterator[None]:
    with tracked_asyncio(), determinism_guard():
        yield


def run(program: Program) -> Any:
    """Return what the program returns in base order."""
    execution = ProgramExecution(program)
    while enabled := execution.enabled():
        execution.step(enabled[0])
    outcome, findings = execution.conclude()
    labels = [step.label for step in execution.steps]
    execution.close()
    assert not findings, (findings, labels)
    return outcome


def test_callbacks_run_first_in_first_out() -> None:
    async def program() -> list[int]:
        seen: list[int] = []
        for number in range(3):
            asyncio.get_running_loop().call_soon(seen.append, number)
        await asyncio.sleep(0)
        return seen

    assert run(program) == [0, 1, 2]


def test_time_moves_only_when_timers_fire() -> None:
    async def program() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        before = loop.time()
        await asyncio.sleep(0)
        assert loop.time() == before
        await asyncio.sleep(2.5)
        return before, loop.time()

    assert run(program) == (0.0, 2.5)


@pytest.mark.parametrize("kind", ["handle", "timer"])
def test_what_is_cancelled_takes_its_turn_as_a_ghost(kind: str) -> None:
    async def program() -> list[int]:
        seen: list[int] = []
        loop = asyncio.get_running_loop()
        handle = loop.call_soon(seen.append, 1) if kind == "handle" else loop.call_later(1, seen.append, 1)
        handle.cancel()
        return seen

    execution = ProgramExecution(program)
    while enabled := execution.enabled():
        execution.step(enabled[0])
    assert execution.conclude() == ([], ())
    assert any(step.label.endswith("(cancelled)") for step in execution.steps)
    execution.close()


def test_an_executor_runs_inline_and_answers_as_a_thread_would() -> None:
    async def program() -> Any:
        loop = asyncio.get_running_loop()
        return await asyncio.to_thread(threading.get_ident), await loop.run_in_executor(None, int, "7")

    assert run(program) == (threading.get_ident(), 7)


def test_an_exception_in_an_executor_reaches_who_waits() -> None:
    async def program() -> str:
        with pytest.raises(ValueError, match="invalid literal"):
            await asyncio.to_thread(int, "x")
        return "refused"

    assert run(program) == "refused"


def test_the_structured_primitives_work_together() -> None:
    async def program() -> list[str]:
        seen: list[str] = []
        condition, barrier, semaphore = asyncio.Condition(), asyncio.Barrier(2), asyncio.Semaphore(1)

        async def waiter() -> None:
            async with condition:
                await condition.wait_for(lambda: "ready" in seen)
                seen.append("woken")
            await barrier.wait()

        async def notifier() -> None:
            async with semaphore, condition:
                seen.append("ready")
                condition.notify_all()
            await barrier.wait()

        async with asyncio.TaskGroup() as group:
            group.create_task(waiter())
            group.create_task(notifier())
        return seen

    assert run(program) == ["ready", "woken"]


def test_a_failing_child_cancels_its_group() -> None:
    async def program() -> str:
        async def fail() -> None:
            raise ValueError("no")

        try:
            async with asyncio.TaskGroup() as group:
                sibling = group.create_task(asyncio.sleep(3600))
                group.create_task(fail())
        except* ValueError:
            pass
        return f"cancelled {sibling.cancelled()}"

    assert run(program) == "cancelled True"


def test_as_completed_starts_coroutines_in_the_order_of_the_caller() -> None:
    async def program() -> list[int]:
        seen: list[int] = []

        async def note(number: int) -> None:
            seen.append(number)

        for each in asyncio.as_completed([note(number) for number in range(8)]):
            await each
        return seen

    assert run(program) == list(range(8))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_an_eager_task_starts_at_once() -> None:
    async def program() -> list[str]:
        seen: list[str] = []
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)

        async def child() -> None:
            seen.append("child")

        task = asyncio.create_task(child())
        seen.append("parent")
        await task
        return seen

    assert run(program) == ["child", "parent"]


def test_context_variables_are_copied_into_tasks() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="none")

    async def program() -> tuple[str, str]:
        variable.set("parent")

        async def child() -> str:
            before = variable.get()
            variable.set("child")
            return before

        return await asyncio.create_task(child()), variable.get()

    assert run(program) == ("parent", "parent")


def test_an_async_generator_that_is_left_early_is_closed() -> None:
    async def program() -> list[str]:
        seen: list[str] = []

        async def items() -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                seen.append("closed")

        generator = items()
        async for _ in generator:
            break
        await generator.aclose()  # type: ignore[attr-defined]  # an async generator has it
        return seen

    assert run(program) == ["closed"]


def test_a_program_that_waits_for_ever_is_a_deadlock() -> None:
    async def program() -> None:
        await asyncio.Event().wait()

    execution = ProgramExecution(program)
    while enabled := execution.enabled():
        execution.step(enabled[0])
    _, findings = execution.conclude()
    assert [finding.invariant for finding in findings] == ["deadlock"]
    execution.close()


def test_a_program_without_an_end_is_given_up() -> None:
    async def program() -> None:
        while True:
            await asyncio.sleep(0)

    execution = ProgramExecution(program, max_steps=50)
    for _ in range(50):
        execution.step(execution.enabled()[0])
    with pytest.raises(SpinningProgram):
        execution.step(execution.enabled()[0])
    execution.close()


def test_timers_beyond_the_horizon_never_fire() -> None:
    async def program() -> None:
        await asyncio.sleep(100)

    execution = ProgramExecution(program, horizon_ns=1_000_000_000)
    while enabled := execution.enabled():
        execution.step(enabled[0])
    assert execution.loop.clock.now_ns == 0
    assert execution.loop.beyond_horizon == 1
    execution.close()


def test_abandoning_an_execution_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    async def program() -> None:
        async def stubborn() -> None:
            try:
                await asyncio.sleep(1)
            finally:
                await asyncio.sleep(1)

        await asyncio.gather(stubborn(), stubborn(), asyncio.Event().wait())

    for steps in range(8):
        execution = ProgramExecution(program)
        for _ in range(steps):
            if enabled := execution.enabled():
                execution.step(enabled[0])
        execution.close()
        execution.close()
    assert capfd.readouterr() == ("", "")


def chance() -> tuple[Any, ...]:
    return random.random(), random.randint(0, 10**9), uuid.uuid4(), os.urandom(8), time.time(), time.monotonic()


async def drawing() -> Any:
    return chance(), chance()


def test_chance_and_clocks_are_the_same_in_every_execution() -> None:
    first, second = run(drawing)
    assert (first, second) == run(drawing)
    assert first[:4] != second[:4]
    assert first[4:] == second[4:]


def test_outside_of_steps_chance_is_real() -> None:
    assert chance()[:4] != chance()[:4]


@pytest.mark.parametrize(
    "action",
    [
        lambda: threading.Thread(target=int).start(),
        lambda: subprocess.run([sys.executable, "-c", ""], check=True),
    ],
    ids=["thread", "subprocess"],
)
def test_what_cannot_be_simulated_is_refused_inside_steps_only(action: Callable[[], None]) -> None:
    """Also if the program swallows the error: what it does then is not what it would do."""

    async def program() -> None:
        with suppress(Exception):
            action()

    action()
    with pytest.raises(Nondeterminism, match=r"test_loop\.py:\d+: .* inside an execution"):
        run(program)


def test_a_real_connection_is_refused() -> None:
    async def program() -> None:
        with suppress(Exception):
            await asyncio.open_connection("example", 80)

    with pytest.raises(Nondeterminism, match="real network connection to example:80"):
        run(program)


def test_an_asyncio_subprocess_is_refused() -> None:
    async def program() -> None:
        await asyncio.create_subprocess_exec("true")

    with pytest.raises(Nondeterminism, match="a subprocess starts"):
        run(program)


def test_the_loop_cannot_be_run_from_inside() -> None:
    execution = LoopExecution()
    with pytest.raises(RuntimeError, match="one loop in one thread"):
        execution.loop.run_forever()
    execution.close()


def test_the_lanes_of_a_plain_program_end_with_its_context() -> None:
    named: list[str] = []

    async def acting() -> None:
        named.append(lane.acting())

    run(acting)
    assert len(named) == 1
    assert named != [lane.current_lane.get()]
    assert lane.acting() == lane.current_lane.get()
