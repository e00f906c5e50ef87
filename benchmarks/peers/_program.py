"""The canonical race for every tool: cancel → "cancelled" on the stream → the handler reads the reason.

The same as ``benchmarks/race.py``, but plain asyncio that imports nothing of ours: what a tool can do must not depend
on what else sits on its heap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.peers._worlds import Role, SocketWorld, TaskWorld, World


class Bot:
    """One bot whose user changes it while its order is open.

    Args:
        world: the exchange.
        symbol: names its channels; bots of different symbols have nothing to do with each other.
        fixed: whether the reason is written before the order is cancelled.
    """

    def __init__(self, world: World, symbol: str, *, fixed: bool) -> None:
        self.row = {"reason": "", "status": "ACTIVE"}
        self._world, self._symbol, self._fixed = world, symbol, fixed
        self._stream = world.stream(f"orders {symbol}")
        self.roles: tuple[Role, ...] = (self.handle, self.change, *getattr(world, "roles", ()))

    async def change(self) -> None:
        """Cancel the order because the bot changes."""
        row = self.row
        if self._fixed:
            row["reason"] = "UPDATE"
        await self._world.call(lambda: self._stream.push("cancelled"), channel=f"rest {self._symbol}")
        if not self._fixed:
            row["reason"] = "UPDATE"

    async def handle(self) -> None:
        """Take in that the order is cancelled: by the user, if nobody has written why."""
        row = self.row
        await self._stream.get()
        if not row["reason"]:
            row["status"] = "STOPPED"


class Stopped(AssertionError):
    """The bug: a bot took the cancel that it had asked for itself for one by hand."""


@dataclass
class Ledger:
    """What the program itself has seen, whoever ran it: no tool has to be believed its own count."""

    executions: int = 0
    first_stopped: int | None = None


@dataclass
class Case:
    """The program for some symbols that have nothing to do with each other, in one of its worlds.

    Args:
        symbols: how many bots.
        fixed: the version without the bug.
        world: makes the exchange of one bot in one execution.
    """

    symbols: int = 1
    fixed: bool = False
    world: Callable[[], World] = TaskWorld
    ledger: Ledger = field(default_factory=Ledger)

    def bots(self, shared: World | None = None) -> list[Bot]:
        """Begin an execution: bots with new rows, each at an exchange of its own or all at the ``shared`` one."""
        self.ledger.executions += 1
        return [Bot(shared or self.world(), f"S{number}", fixed=self.fixed) for number in range(self.symbols)]

    def holds(self, bots: list[Bot]) -> bool:
        """Return whether no bot was stopped, and enter it in the ledger."""
        stopped = any(bot.row["status"] == "STOPPED" for bot in bots)
        if stopped and self.ledger.first_stopped is None:
            self.ledger.first_stopped = self.ledger.executions
        return not stopped

    async def main(self) -> None:
        """Run one execution as a test does: start all, wait for all, judge.

        Raises:
            Stopped: the bug.
        """
        await self._play(self.bots())

    async def main_behind_sockets(self, spawn: Callable[[Role], Any]) -> None:
        """Run one execution over a simulated network.

        Args:
            spawn: starts the exchange on a host of its own, by the means of the tool.

        Raises:
            Stopped: the bug.
        """
        world = SocketWorld()
        bots = self.bots(world)
        spawn(world.serve)
        try:
            await world.connect()
            await self._play(bots)
        finally:
            world.close()

    async def _play(self, bots: list[Bot]) -> None:
        await asyncio.gather(*[role() for bot in bots for role in bot.roles])
        if not self.holds(bots):
            raise Stopped("a bot was stopped by the cancel that it had asked for")
