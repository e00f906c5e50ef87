"""Everything that is set up once for a case and shared by its executions."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from simharness.core.execution import Program
from simharness.database.pool import Pools, commuting_checkouts, loaded_by
from simharness.instrument import Instrumenter, adopt, instrumented, is_foreign, watch_modules
from simharness.invariants.serial import SerialOutcomes
from simharness.loop.garbage import collect, collected_between_executions
from simharness.loop.guard import determinism_guard
from simharness.loop.primitives import no_free_list, tracked_asyncio
from simharness.world.databases import Port, open_database
from simharness.world.judged import Judged
from simharness.world.notes import Notes
from simharness.world.refusals import Refusals
from simharness.world.serial import SerialWorld, serial_outcomes
from simharness.world.setting import Setting
from simharness.world.system import System
from simharness.world.watch import timeless_logging
from simharness.world.world import World

# Rules that compare an execution with the serial ones of the same case.
_COMPARED = frozenset({"Q8", "X1"})

# Serial executions that are looked at before a case is given up as too large for those rules.
SERIAL_EXECUTIONS = 500


@dataclass(frozen=True, slots=True)
class Stage:
    """A case, ready to be executed as often as one likes.

    Args:
        setting: the case.
        system: what is under test.
        database: its database, or None.
        instrumenter: tracks the heap of the packages under test.
        pools: watches the connection pools.
        foreign: modules whose code ran and is neither tracked nor in the library table.
        refusals: which commands were never accepted so far.
        elsewhere: what other processes noticed.
        judged: which rules never had anything to judge so far.
        serial: what serial executions of the case come to; None if no rule compares with them.
    """

    setting: Setting
    system: System
    database: Port | None
    instrumenter: Instrumenter
    pools: Pools
    foreign: frozenset[str] = frozenset()
    refusals: Refusals = field(default_factory=Refusals)
    elsewhere: Notes = field(default_factory=Notes)
    judged: Judged = field(default_factory=Judged)
    serial: SerialOutcomes | None = None

    def world(self) -> World:
        """Start an execution."""
        self.pools.exploring = False
        world = World(
            self.setting,
            self.system,
            self.database,
            self.instrumenter,
            refusals=self.refusals,
            judged=self.judged,
            serial=self.serial,
        )
        self.pools.exploring = True
        return world

    @property
    def program(self) -> Program:
        """The same, as the explorer wants it."""
        return self.world

    def with_fewer_faults(self, strikes: int) -> Stage:
        """Return the same stage for executions that at most so many faults strike."""
        return replace(self, setting=replace(self.setting, strikes=strikes))

    @property
    def dependence(self) -> str:
        """How finely the certificate distinguishes what steps touch."""
        level = "rows, venue objects, asyncio primitives"
        watched = ", ".join(self.system.watched)
        return f"{level}, heap of {watched}" if watched else level

    def holes(self) -> list[str]:
        """Return what is known to be invisible to the reduction, one sentence each: nothing is proven with any."""
        found = {f"code of {module} ran that is neither tracked nor known" for module in self.foreign}
        found |= {f"a store to {hole} reaches no reader's footprint" for hole in self.instrumenter.holes}
        return sorted(found | self.pools.holes | self.elsewhere.holes)

    def sources(self) -> list[Path]:
        """Return the files and folders of the program under test: a search kept on disk belongs to one state of it."""
        found = [inspect.getfile(type(self.system))]
        for package in self.system.watched:
            spec = find_spec(package)
            if spec is not None:
                found += spec.submodule_search_locations or [spec.origin or ""]
        # Sorted, each once: the order of packages says nothing.
        return sorted({Path(each) for each in found if each and Path(each).exists()})

    def coarse(self) -> list[str]:
        """Return where steps count as touching more than they do: sound, and slower."""
        found = {f"{function} is not tracked: {why}" for function, why in self.instrumenter.uninstrumentable.items()}
        return sorted(found.union(self.elsewhere.coarse, [] if self.database is None else self.database.findings()))

    def notes(self) -> Any:
        """Return what was noticed so far, for another process to :meth:`learn`."""
        return self.holes(), self.coarse(), self.refusals.state(), self.judged.state()

    def learn(self, notes: Any) -> None:
        """Take over what another process has noticed, as it was sent or read from a file."""
        holes, coarse, refusals, judged = notes
        self.elsewhere.add(holes, coarse)
        self.refusals.add(refusals)
        self.judged.add(judged)


@contextmanager
def staged(setting: Setting, system: System) -> Iterator[Stage]:
    """Prepare a case: database, patches, warm-up."""
    with ExitStack() as stack:
        # Last of all: until then the database holds on to the connections of the last execution.
        stack.callback(collect)
        stack.enter_context(tracked_asyncio())
        stack.enter_context(determinism_guard())
        pools = stack.enter_context(commuting_checkouts(no_free_list))
        stack.enter_context(timeless_logging())
        database = open_database(setting, stack)
        if database is not None:
            database.prepare(lambda connection: system.create(connection, setting))
        instrumenter = stack.enter_context(instrumented(_packages(system)))
        stack.enter_context(loaded_by(adopt))
        stage = Stage(setting, system, database, instrumenter, pools)
        _run_base_order(stage.world())  # to warm up
        # Before anybody looks: others hook the collector, and what they run there is not the program's.
        stack.enter_context(collected_between_executions())
        stage = replace(stage, foreign=_foreign_code(stage))
        yield replace(stage, serial=_serial(stage)) if _COMPARED.intersection(setting.rules) else stage


def _serial(stage: Stage) -> SerialOutcomes:
    def start(setting: Setting) -> World:
        stage.pools.exploring = False
        return SerialWorld(setting, stage.system, stage.database, stage.instrumenter)

    return serial_outcomes(stage.setting, start, SERIAL_EXECUTIONS)


def _packages(system: System) -> tuple[str, ...]:
    """Return what is tracked: the packages under test, and the glue where it is the user's."""
    glue = type(system).__module__
    return system.watched if glue.startswith("simharness.") else (*system.watched, glue)


def _run_base_order(world: World) -> None:
    while enabled := world.enabled():
        world.step(enabled[0])
    world.close()


def _foreign_code(stage: Stage) -> frozenset[str]:
    """Run the base order and return the modules whose code nobody accounts for."""
    world = stage.world()
    with watch_modules() as seen:
        while enabled := world.enabled():
            world.step(enabled[0])
    world.close()
    return frozenset(module for module in seen if is_foreign(module))
