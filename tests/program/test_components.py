"""Checks of one part each: the sum of the interleavings of what is independent, and the product of what is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

import simharness
from simharness.core.step import Step
from simharness.errors import ScenarioError
from simharness.explore import campaign, components
from simharness.explore.component_search import ComponentSearch
from simharness.explore.components import Atom, Components
from simharness.explore.reachable import Realisation

Parts = Mapping[str, Callable[[], Any]]
Program = Callable[[], Coroutine[Any, Any, Parts]]


def trade(row: dict[str, Any], symbol: str, *, fixed: bool) -> None:
    """Start the canonical race: cancel, the stream says so, a handler reads the reason that was committed or not."""
    world = simharness.world()
    events = world.stream(f"user {symbol}")

    async def handler() -> None:
        await events.get()
        if await world.call(lambda: row["reason"]) is None:
            await world.call(lambda: row.update(status="STOPPED"))

    async def endpoint() -> None:
        if fixed:
            await world.call(lambda: row.update(reason="UPDATE"))
        await world.call(lambda: events.push("canceled"))
        if not fixed:
            await world.call(lambda: row.update(reason="UPDATE"))

    asyncio.create_task(handler())
    asyncio.create_task(endpoint())


def race(symbols: int, *, fixed: bool, total: bool = False) -> Program:
    """Return the race of so many symbols; with ``total``, one part of the outcome is about all of them."""

    async def program() -> Parts:
        rows = {f"S{number}": simharness.shared({"reason": None, "status": "ACTIVE"}) for number in range(symbols)}
        for symbol, row in rows.items():
            trade(row, symbol, fixed=fixed)
        parts: dict[str, Callable[[], Any]] = {symbol: lambda row=row: row["status"] for symbol, row in rows.items()}
        if total:
            parts["total"] = lambda: [row["status"] for row in rows.values()].count("STOPPED")
        return parts

    return program


def active(status: str) -> bool:
    return status == "ACTIVE"


def checks(symbols: int) -> dict[str, Callable[[Any], object]]:
    return {f"S{number}": active for number in range(symbols)}


@pytest.mark.parametrize("symbols", [1, 2, 4, 8])
def test_independent_symbols_cost_the_sum_of_their_interleavings(symbols: int) -> None:
    """Two each, of which the base order is common to all: n + 1 instead of 2 to the n."""
    result = simharness.explore(race(symbols, fixed=False), check=checks(symbols))
    assert (result.executions, result.traces) == (symbols + 1, symbols + 1)
    assert (result.blocked, result.duplicates) == (0, 0)
    assert result.verdict == "violated"
    assert [each.kind for each in result.violations] == [f"check S{number}" for number in range(symbols)]
    assert all(each.reachable_on_stock_asyncio for each in result.violations)


def test_the_fixed_program_is_proven_and_the_certificate_says_how() -> None:
    result = simharness.explore(race(4, fixed=True), check=checks(4))
    assert (result.verdict, result.executions, result.certificate.exhausted) == ("proven", 1, True)
    assert result.certificate.checks["components"] == 4
    assert any("one by one" in each for each in result.certificate.assumptions)


def test_a_part_that_is_about_all_symbols_brings_the_product_back() -> None:
    result = simharness.explore(race(4, fixed=False, total=True), check=checks(4))
    assert (result.executions, result.certificate.checks["components"]) == (16, 1)
    assert {dict(outcome)["total"] for outcome in result.outcomes} == {0, 1, 2, 3, 4}  # type: ignore[call-overload]  # pairs


def test_a_violation_of_one_part_replays_with_the_same_checks() -> None:
    program = race(3, fixed=False)
    result = simharness.explore(program, check=checks(3))
    for violation in result.violations:
        again = simharness.replay(program, violation.token, check=checks(3))
        assert again.happened_again
        assert again.same_trace


async def linked_in_no_single_order() -> Parts:
    """Left peeks at right, right writes what left would see: each only in a rare order, never both of one phase."""
    world = simharness.world()
    rows = {side: simharness.shared({"flag": 0, "gift": "none", "seen": "nothing"}) for side in ("left", "right")}

    async def look(side: str, then: Callable[[], None]) -> None:
        if await world.call(lambda: rows[side]["flag"]):
            then()

    async def raise_flag(side: str) -> None:
        await world.call(lambda: rows[side].update(flag=1))

    def peek() -> None:
        rows["left"]["seen"] = rows["right"]["gift"]

    def give() -> None:
        rows["right"]["gift"] = "a gift"

    for side, then in (("left", peek), ("right", give)):
        asyncio.create_task(look(side, then))
        asyncio.create_task(raise_flag(side))
    return {"left": lambda: rows["left"]["seen"], "right": lambda: rows["right"]["gift"]}


async def handed_over() -> Parts:
    """What left found reaches right as a frame, which the actor sends when left has told it."""
    world = simharness.world()
    left, right = simharness.shared({"x": 0}), simharness.shared({"y": 0})
    frames = world.stream("found")

    async def write() -> None:
        await world.call(lambda: left.update(x=1))

    async def tell() -> None:
        await world.call(lambda: frames.push(left["x"]))

    async def put(number: int) -> None:
        right["y"] = right["y"] * 2 + number + 1

    async def receive() -> None:
        await put(await frames.get())

    async def other() -> None:
        await world.call(lambda: None)
        await put(5)

    for each in (tell, write, receive, other):
        asyncio.create_task(each())
    return {"left": lambda: left["x"], "right": lambda: right["y"]}


# Each program with a part and all that this can come to; its two halves are linked in a way of its own. What left
# found and the other's 5 come into right's row as 2y + n + 1, in either order.
LINKED: dict[str, tuple[Program, str, set[Any]]] = {
    "in no single order": (linked_in_no_single_order, "left", {"nothing", "none", "a gift"}),
    "by a frame": (handed_over, "right", {8, 10, 13, 14}),
    "by a judgement": (race(2, fixed=False, total=True), "total", {0, 1, 2}),
}


def reached(link: str) -> set[Any]:
    program, part, _ = LINKED[link]
    result = simharness.explore(program, check={part: lambda value: True})
    assert result.verdict == "proven"
    return {dict(outcome)[part] for outcome in result.outcomes}  # type: ignore[call-overload]  # an outcome is pairs


@pytest.mark.parametrize("link", LINKED)
def test_what_is_linked_is_explored_as_one(link: str) -> None:
    assert reached(link) == LINKED[link][2]


def forget_other_executions(patch: pytest.MonkeyPatch) -> None:
    observe = Components.observe

    def forgetful(self: Components, steps: Sequence[Step]) -> list[Atom | None]:
        self._keys.clear()
        return observe(self, steps)

    patch.setattr(Components, "observe", forgetful)


def ignore_causes(patch: pytest.MonkeyPatch) -> None:
    observe = Components.observe

    def headless(self: Components, steps: Sequence[Step]) -> list[Atom | None]:
        trunk = components.trunk_length(steps)
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(components, "trunk_length", lambda steps: trunk)
            return observe(self, [replace(step, cause=None) for step in steps])

    patch.setattr(Components, "observe", headless)


def ignore_judgements(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Components, "judge", lambda self, readings: None)


def ignore_conflicts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Components, "_meet", lambda self, atom, *others: None)


def explore_nothing_anew(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ComponentSearch, "_reopen", lambda self: self._open.pop(0))


@pytest.mark.parametrize(
    ("mutant", "link"),
    [
        (forget_other_executions, "in no single order"),
        (explore_nothing_anew, "in no single order"),
        (ignore_conflicts, "in no single order"),
        (ignore_causes, "by a frame"),
        (ignore_judgements, "by a judgement"),
    ],
)
def test_a_wrong_partition_is_caught(
    mutant: Callable[[pytest.MonkeyPatch], None], link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rule of joining is needed: without it, something that can happen is missed."""
    mutant(monkeypatch)
    assert reached(link) < LINKED[link][2]


def test_what_no_stock_loop_does_with_one_order_of_the_others_is_looked_for_with_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reachability is a question to all components together: in doubt, the product answers it."""
    monkeypatch.setattr(campaign, "realised", lambda *_, **__: Realisation(reachable=False))
    result = simharness.explore(race(3, fixed=False), check=checks(3))
    assert result.executions == 8
    assert "components" not in result.certificate.checks


def test_checks_of_parts_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ScenarioError, match="'S9'"):
        simharness.explore(race(1, fixed=True), check={"S9": active})
