"""Random asyncio programs, as data and as coroutines: what the differential tests feed to the explorer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

from interpreter import Body, Interpreter, Memory, Operation

__all__ = ["Body", "Interpreter", "Memory", "build", "generate", "kinds_of"]

SIMPLE = (
    "set", "double", "conditional", "yield", "call", "call", "call", "push", "receive", "put", "get",
    "event set", "event wait", "event clear", "cancel", "sleep", "choose", "notify", "notify all", "channel call",
    "bounded put", "bounded get", "priority put", "priority get", "task done", "join", "barrier", "fail", "thread",
    "call soon", "call later", "call at", "clock", "look", "locked", "chance", "await main", "choose fault",
    "post", "browse",
)  # fmt: skip
NESTED = (
    "lock", "semaphore", "condition wait", "condition wait_for", "spawn", "gather", "wait_for", "timeout", "wait",
    "group", "shield", "as_completed", "first completed", "reschedule", "generator", "catch", "guarded",
)  # fmt: skip
PAIRED = ("gather", "group", "as_completed", "first completed", "guarded")


def generate(rng: random.Random, *, budget: int = 3, depth: int = 1) -> tuple[Body, ...]:
    """Return two or three task bodies.

    Args:
        rng: decides everything.
        budget: operations in each of two tasks, at most; one less in each of three.
        depth: how deep bodies are nested.
    """
    tasks = rng.choice((2, 2, 2, 3))
    return tuple(_body(rng, depth, budget if tasks == 2 else max(budget - 1, 1)) for _ in range(tasks))


def _body(rng: random.Random, depth: int, budget: int) -> Body:
    operations: list[Operation] = []
    for _ in range(rng.randint(1, budget)):
        kind = rng.choice(SIMPLE + (NESTED if depth else ()))
        if kind in NESTED:
            bodies = tuple(_body(rng, depth - 1, 1) for _ in range(2 if kind in PAIRED else 1))
            operations.append((kind, rng.choice("pq"), rng.choice((1, 2)), *bodies))
        else:
            operations.append((kind, rng.choice("xy"), rng.randint(1, 9)))
    return tuple(operations)


def kinds_of(bodies: Iterable[Body]) -> Iterator[str]:
    """Yield the kind of every operation, also of those inside others."""
    for body in bodies:
        for kind, *details in body:
            yield kind
            yield from kinds_of(each for each in details if isinstance(each, tuple))


def _needed(bodies: tuple[Body, ...]) -> frozenset[str]:
    methods = (getattr(Interpreter, "_" + kind.replace(" ", "_")) for kind in kinds_of(bodies))
    return frozenset(used for method in methods for used in method.__code__.co_names)


def build(bodies: tuple[Body, ...]) -> Callable[[], Coroutine[Any, Any, Callable[[], Any]]]:
    """Return the program: a coroutine function for the explorer."""
    needed = _needed(bodies)

    async def program() -> Callable[[], Any]:
        interpreter = Interpreter(needed=needed)
        for number, body in enumerate(bodies):
            interpreter.main.append(asyncio.create_task(interpreter.run(body, "abc"[number])))
        results = await asyncio.gather(*interpreter.main, return_exceptions=True)
        interpreter.memory["results"] = tuple(type(result).__name__ for result in results)
        return interpreter.outcome

    return program
