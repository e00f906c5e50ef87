"""What is thrown away starts nothing and leaves nothing."""

from __future__ import annotations

import asyncio

import pytest

from simharness.loop.garbage import abandon, silence


async def _nothing() -> None:
    pass


def test_clean_up_code_finds_a_loop_that_refuses_instead_of_making_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLAlchemy shields the closing of a connection; without a running loop asyncio would make one for the thread."""
    made: list[object] = []
    monkeypatch.setattr(asyncio.DefaultEventLoopPolicy, "new_event_loop", lambda policy: made.append(policy))
    with silence(), pytest.raises(RuntimeError, match="this execution is over"):
        asyncio.shield(_nothing())
    assert not made
    assert asyncio._get_running_loop() is None


def test_a_coroutine_that_waits_again_while_it_is_closed_ends_at_the_next_attempt() -> None:
    attempts: list[str] = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            attempts.append("closed")
            await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    task = loop.create_task(stubborn())
    loop.run_until_complete(asyncio.sleep(0))
    coroutine = task.get_coro()
    with silence():
        abandon(task)
    loop.close()
    assert attempts == ["closed"]
    assert coroutine is not None
    assert coroutine.cr_frame is None  # type: ignore[attr-defined]  # it is a coroutine
