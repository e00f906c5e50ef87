"""An execution that is left half-way goes: searches abandon thousands of them."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

from simharness.loop.garbage import collect
from simharness.loop.primitives import tracked_asyncio
from simharness.program.execution import ProgramExecution


async def within_a_cancel_scope() -> None:
    with anyio.move_on_after(60):
        await asyncio.sleep(1)


async def within_a_task_group() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(asyncio.sleep, 1)


async def within_a_timeout() -> None:
    async with asyncio.timeout(60):
        await asyncio.sleep(1)


@pytest.mark.parametrize("program", [within_a_cancel_scope, within_a_task_group, within_a_timeout])
@pytest.mark.parametrize("steps", [1, 2])
def test_nothing_keeps_an_abandoned_execution(program: Callable[[], Coroutine[Any, Any, None]], steps: int) -> None:
    with tracked_asyncio():
        execution = ProgramExecution(program)
        for _ in range(steps):
            execution.step(execution.enabled()[0])
        (task, *_) = execution.loop.tasks
        left = [weakref.ref(execution), weakref.ref(task)]
        execution.close()
        del execution, task, _
        collect()  # in silence, as between executions: from 3.12 on the child that never began is only found here
        assert [each() for each in left] == [None, None]
