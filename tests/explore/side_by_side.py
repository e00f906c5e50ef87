"""Two random programs next to each other, most of them with nothing in common: what the search by components is fed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from random_programs import Body, Interpreter, generate

from simharness.errors import SimharnessError
from simharness.explore.component_search import ComponentSearch
from simharness.explore.dpor import OptimalExplorer
from simharness.program.execution import ProgramExecution, ProgramFunction

PARTS = ("left", "right")
Parts = Mapping[str, Callable[[], Any]]


class Side(Interpreter):
    """One of two; a bridge, if its bodies have any, leads to the other."""

    other: Side

    async def main_task(self, bodies: tuple[Body, ...]) -> None:
        """Run all bodies and wait for them."""
        for number, body in enumerate(bodies):
            self.main.append(asyncio.create_task(self.run(body, "abc"[number])))
        results = await asyncio.gather(*self.main, return_exceptions=True)
        self.memory["results"] = tuple(type(result).__name__ for result in results)

    def part(self) -> Any:
        """Return the final state of this side, read as a step would."""
        memories = (self.memory, self.outside)
        return tuple(tuple(sorted((key, repr(memory[key])) for key in memory)) for memory in memories)

    async def _peek(self, me: str, key: str, number: int) -> None:
        self.memory[me] = self.other.memory[key]

    async def _rare_peek(self, me: str, key: str, number: int) -> None:
        if self.memory[key] > number:
            self.memory[me] = self.other.memory[key]

    async def _rare_poke(self, me: str, key: str, number: int) -> None:
        if self.memory[key] > number:
            self.other.memory["z"] = me

    async def _hand_over(self, me: str, key: str, number: int) -> None:
        found = self.memory[key]

        async def there() -> None:
            self.other.memory[me] = found

        self.spawned.append(asyncio.create_task(there()))

    async def _total(self, me: str, key: str, number: int) -> None:
        """Do nothing here; the outcome of this side reads the other as well."""


BRIDGES = ("peek", "rare peek", "rare poke", "hand over", "total")


def pair(left: tuple[Body, ...], right: tuple[Body, ...]) -> ProgramFunction:
    """Return the program that runs both."""

    async def program() -> Parts:
        sides = {name: Side(f" {name}") for name in PARTS}
        sides["left"].other, sides["right"].other = sides["right"], sides["left"]
        for side, bodies in zip(sides.values(), (left, right), strict=True):
            side.spawned.append(asyncio.create_task(side.main_task(bodies)))
        parts: dict[str, Callable[[], Any]] = {name: side.part for name, side in sides.items()}
        if any(kind == "total" for body in left for kind, *_ in body):
            parts["left"] = lambda: (sides["left"].part(), sides["right"].part())
        return parts

    return program


def random_pair(seed: int) -> tuple[tuple[Body, ...], tuple[Body, ...]]:
    """Return the bodies of a pair; every other one has a bridge somewhere."""
    rng = random.Random(seed)
    left, right = generate(rng, budget=2, depth=seed % 3 == 0), generate(rng, budget=2, depth=seed % 5 == 0)
    if seed % 2:
        place = rng.randrange(len(left))
        bridge = (rng.choice(BRIDGES), rng.choice("xy"), rng.randint(1, 6))
        left = (*left[:place], (*left[place], bridge), *left[place + 1 :])
    return left, right


@dataclass
class Projected:
    """What each part can come to.

    Args:
        parts: part → its final states, as text.
        executions: how many it took to find out.
        components: how many were told apart; 0 for a search that does not ask.
        complete: whether the search came to its end.
    """

    parts: dict[str, set[str]] = field(default_factory=lambda: {part: set() for part in PARTS})
    executions: int = 0
    components: int = 0
    complete: bool = False


def projected(program: ProgramFunction, cap: int, *, by_component: bool) -> Projected:
    """Search, up to ``cap`` executions."""

    def start() -> ProgramExecution:
        return ProgramExecution(program, dict.fromkeys(PARTS, lambda part: True), faults=1)

    seen = Projected()
    search = ComponentSearch(start) if by_component else OptimalExplorer(start)
    for execution in search.executions():
        seen.executions += 1
        outcome, _ = execution.conclude()
        for part, value in outcome or ():
            seen.parts[part].add(repr(value))
        if seen.executions >= cap:
            return seen
    seen.complete = True
    seen.components = search.explored if isinstance(search, ComponentSearch) else 0
    return seen


def missed(program: ProgramFunction, cap: int = 250) -> list[str] | None:
    """Return what the search by components gets wrong, or None if the product is too large to compare."""
    product = projected(program, cap, by_component=False)
    if not product.complete:
        return None
    try:
        components = projected(program, 4 * cap, by_component=True)
    except SimharnessError as error:
        return [f"{type(error).__name__}: {error}"]
    found = [
        f"{part}: {len(product.parts[part] - components.parts[part])} final states missed"
        for part in PARTS
        if product.parts[part] - components.parts[part]
    ]
    found += [f"{part}: invented" for part in PARTS if components.parts[part] - product.parts[part]]
    return found if components.complete else [*found, "no end"]


Program = Callable[[], Coroutine[Any, Any, Any]]
