"""The program's process ends and starts again; database and venue stay.

A crash is an event of its own process that may come at any moment, with one data choice inside: whether it strikes. It
is last in the base order, so the first execution of every interleaving crashes when all is over; the search then moves
the crash forward, over one step after the other that it conflicts with.

It conflicts only with steps that outlive the process: a commit, a request that the venue carried out, an answer that a
client got, a command that a client sent. What else the program does is gone after the crash whether or not it had
happened, so a crash between two such steps is the crash right after the first of them.

Whatever the program had pending vanishes: its callbacks and timers, its statements, the frames and answers that were on
their way to it, and the requests that the venue has not carried out. The last is an assumption: a request carries
the time until which it is valid (Binance's ``recvWindow``), and a restart takes longer than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simharness.core import name
from simharness.core.agenda import WorldEvent
from simharness.core.footprint import CLOCK, recorder
from simharness.core.step import Kind, Operation
from simharness.faults.fault import Effect, Place
from simharness.faults.plan import FaultPlan
from simharness.loop.agenda import Item

if TYPE_CHECKING:
    from simharness.world.system import Running
    from simharness.world.world import World

_PROCESS = name.static("crash")
# Written by a crash, read by every step that outlives the program.
_LIFE = name.static("life of the program")
# Written when the program goes down and when it is up again, read by commands of clients: they need it to be up.
_UP = name.static("the program is up")

# What a program does at its database; what it has not committed goes with it.
_STATEMENTS = frozenset({"sql", "pg", "pg-close", "pg-cancel", "pg-end"})
# Whose events at an outside actor are the program's: its requests, its statements, its threads, its connections.
OF_THE_PROGRAM = _STATEMENTS | {"rest", "thread", "connect"}


class Crashes:
    """The crashes of one execution.

    Args:
        world: the execution.
        plan: the faults that its scenario allows.

    Attributes:
        up: whether the program can be reached by its clients.
    """

    def __init__(self, world: World, plan: FaultPlan) -> None:
        self.allowed = plan.allows(Effect.CRASH) and world.setting.fault_budget > 0
        self.up = True
        self._world = world
        self._plan = plan
        self._count = 0
        # Objects of a program that is gone must not be finalised before the execution ends.
        self._wrecks: list[Running] = []

    def offer(self) -> None:
        """Let the program crash from now on, if the scenario allows it and as often as its budget does."""
        if self.allowed and self._count < self._world.setting.fault_budget:
            self._world.loop.offer(WorldEvent(_PROCESS, Kind.EXECUTE, "the program may crash", self._strike))

    def last(self, enabled: list[int]) -> list[int]:
        """Return the enabled processes with the crash behind all others."""
        if not self.allowed or _PROCESS not in enabled:
            return enabled
        head = self._world.loop.queues.head(_PROCESS)
        if head is None or head.kind is not Kind.EXECUTE:
            return enabled
        return [process for process in enabled if process != _PROCESS] + [_PROCESS]

    def loses(self, process: int, item: Item) -> bool:
        """Return whether an entry is gone after a crash."""
        return self.allowed and process != _PROCESS and not _survives(process, item)

    def outlived(self) -> None:
        """Record that what the running step does is still there after a crash."""
        if self.allowed:
            recorder.read(_LIFE)

    def acted(self, *, lasting: bool) -> None:
        """Record the same for a step at an outside actor; a statement outlives the program if it left something."""
        if recorder.process != _PROCESS and (lasting or _kind(recorder.process) not in _STATEMENTS):
            self.outlived()

    def reached(self) -> None:
        """Record that a client's command reaches the program."""
        if self.allowed:
            recorder.read(_LIFE)
            recorder.read(_UP)

    def is_up(self) -> bool:
        """Return whether the program can be reached by its clients."""
        return self.up

    # -- a crash --------------------------------------------------------------------------------------------------

    def _strike(self) -> None:
        world = self._world
        if self._plan.ask(world.loop.chooser, Place.WORLD_EVENT, "program", lane="endpoint") is None:
            return
        self._count += 1
        self.up = False
        world.view.crashed = True
        recorder.write(_LIFE)
        recorder.write(_UP)
        recorder.read(CLOCK)
        world.loop.lose(_survives)
        # Whoever reads the keys of the old connections has vanished; only the venue still asks who listens.
        with recorder.aside():
            world.running.crash()
            world.abandon_exchanges()
            if world.database is not None:
                world.database.cut()
        world.venue.listeners_changed()
        self._wrecks.append(world.running)
        world.clients.lost()
        world.loop.offer(
            WorldEvent(_PROCESS, Kind.DELIVER, "the program starts again", self._restart, own_cascade=True)
        )

    def _restart(self) -> None:
        world = self._world
        recorder.note(lambda: Operation("handler", "the program starts again", effect="info"))
        world.running = world.system.build(world)
        task = world.loop.create_task(world.running.start())
        task.add_done_callback(self._started)

    def _started(self, _task: Any) -> None:
        recorder.write(_UP)
        self.up = True
        self.offer()


def _survives(process: int, item: Item) -> bool:
    """Return whether something pending is not the program's."""
    if item.kind is Kind.HANDLE:
        return False
    if item.kind is Kind.TIMER:
        return item.own_cascade
    if item.kind is Kind.DELIVER:
        return _kind(process) == "command"
    return _kind(process) not in OF_THE_PROGRAM


def _kind(process: int) -> str:
    return name.kind(process).partition(" ")[0]
