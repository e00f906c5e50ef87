"""A token of last month, replayed on the code of today."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

import simharness
from simharness.core.token import decode
from simharness.errors import Nondeterminism

Program = Callable[[], Awaitable[Any]]


def racing(*, before: int = 0, gone: bool = False, seed: Any = None) -> Any:
    """Two writers; the one that started second must not be the last. ``before`` more calls precede the race."""

    async def program() -> Any:
        world = simharness.world()
        cell: list[str] = []

        async def write(text: str) -> None:
            for number in range(before):
                await world.call(lambda: None, channel=f"warm {text} {number}")
            await world.call(lambda: cell.append(text), channel=text)

        async def both() -> None:
            await asyncio.gather(write("first"), *([] if gone else [write("second")]))

        asyncio.create_task(both())
        if seed is not None:
            for _ in range(next(seed) % 2):
                await world.call(lambda: None, channel="noise")
        return lambda: tuple(cell)

    program.__qualname__ = "racing"
    return program


def first_is_first(cell: tuple[str, ...]) -> bool:
    return cell[0] == "first"


@pytest.fixture
def token() -> str:
    result = simharness.explore(racing(), check=first_is_first)
    (violation,) = result.violations
    assert violation.deviations == 1
    assert len(decode(violation.token).places) == 1
    return violation.token


def test_the_same_code_is_followed_to_the_letter(token: str) -> None:
    again = simharness.replay(racing(), token, check=first_is_first)
    assert (again.happened_again, again.same_trace, again.missing) == (True, True, ())


def test_steps_before_the_race_move_the_choice_along(token: str) -> None:
    again = simharness.replay(racing(before=3), token, check=first_is_first)
    assert (again.happened_again, again.same_trace, again.missing) == (True, False, ())


def test_a_choice_without_a_place_is_left_out_and_said_so(token: str) -> None:
    (choice,) = decode(token).schedule.deviations
    again = simharness.replay(racing(gone=True), token, check=first_is_first)
    assert (again.happened_again, again.missing) == (False, (choice.step,))


def test_a_program_that_draws_lots_is_not_taken_for_changed_code(token: str) -> None:
    with pytest.raises(Nondeterminism, match="made twice"):
        simharness.replay(racing(seed=count()), token, check=first_is_first)
