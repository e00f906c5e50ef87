"""seedloop: keeps asyncio's order of callbacks and samples the latencies of its own transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from benchmarks.peers._contest import Answer, Peer, Search
from benchmarks.peers._program import Case
from benchmarks.peers._worlds import SleepingWorld, SoonWorld

RUNS = 200
EXCHANGE, REST, STREAM = 0, 1, 2


def check(scenario: Callable[[Any], Any], seed: int) -> Answer:
    """Run 200 seeds, as the README does."""
    import seedloop

    found = seedloop.check(scenario, seeds=range(seed * RUNS, (seed + 1) * RUNS), on_failure="return")
    return Answer(found.failing_seed is not None, failure=repr(found.error))


def sample(case: Case, seed: int) -> Answer:
    """Run the program without the transport."""

    async def scenario(_: Any) -> None:
        await case.main()

    return check(scenario, seed)


class TransportWorld:
    """The exchange as a node of the transport, which draws a latency for each message; for one bot."""

    def __init__(self, net: Any) -> None:
        self._exchange, self._rest, self._stream = (net.bind(address) for address in (EXCHANGE, REST, STREAM))
        self._functions: list[Callable[[], Any]] = []
        self._frames: list[str] = []
        self.roles = (self.exchange,)

    async def call(self, fn: Callable[[], Any], *, channel: str | None = None) -> Any:
        """Request and wait for the answer, from one endpoint."""
        del channel
        self._functions.append(fn)
        await self._rest.send(EXCHANGE, "request")
        return await self._rest.recv()

    def stream(self, channel: str) -> TransportWorld:
        """Return the stream, at the other endpoint."""
        del channel
        return self

    def push(self, item: str) -> None:
        """Send a frame, when the exchange has answered."""
        self._frames.append(item)

    async def get(self) -> str:
        """Wait for the next one."""
        _, frame = await self._stream.recv()
        return str(frame)

    async def exchange(self) -> None:
        """Execute one request, answer it, stream what it pushed."""
        sender, _ = await self._exchange.recv()
        self._functions.pop(0)()
        await self._exchange.send(sender, "done")
        for frame in self._frames:
            await self._exchange.send(STREAM, frame)


def sample_transport(case: Case, seed: int) -> Answer:
    """Play the exchange as a node of its transport, which is how it is meant to be used."""

    async def scenario(world: Any) -> None:
        bots = case.bots(TransportWorld(world.net))
        await asyncio.gather(*[role() for bot in bots for role in bot.roles])
        assert case.holds(bots), "a bot was stopped"

    return check(scenario, seed)


PEER = Peer(
    "seedloop",
    finds=(
        Search("coroutine: check(seeds=200)", sample),
        Search("callbacks: check(seeds=200)", sample, SoonWorld),
        Search("sleeps: check(seeds=200)", sample, SleepingWorld),
        Search("network: check(seeds=200)", sample_transport),
    ),
    cannot=("claims no proof: it samples seeds", "never reorders callbacks, only messages of its own transport"),
    python=(3, 12),
)
