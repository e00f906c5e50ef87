"""Everything that is set up once for a case and shared by its executions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from simharness.core.execution import Program
from simharness.core.footprint import recorder
from simharness.database.pool import commuting_checkouts
from simharness.loop.guard import determinism_guard
from simharness.loop.garbage import collected_between_executions
from simharness.loop.primitives import tracked_asyncio
from simharness.world.databases import Port, open_database
from simharness.world.setting import Setting
from simharness.world.system import System
from simharness.world.world import World


@dataclass(frozen=True, slots=True)
class Stage:
    """A case, ready to be executed as often as one likes.

    Args:
        setting: the case.
        system: what is under test.
        database: its database, or None.
    """

    setting: Setting
    system: System
    database: Port | None

    def world(self) -> World:
        """Start an execution."""
        return World(self.setting, self.system, self.database)

    @property
    def program(self) -> Program:
        """The same, as the explorer wants it."""
        return self.world


@contextmanager
def narrating() -> Iterator[None]:
    """Make steps describe what they do in the words of the domain."""
    before = recorder.narrating
    recorder.narrating = True
    try:
        yield
    finally:
        recorder.narrating = before


@contextmanager
def staged(setting: Setting, system: System) -> Iterator[Stage]:
    """Prepare a case: database, patches, warm-up."""
    with ExitStack() as stack:
        stack.enter_context(tracked_asyncio())
        stack.enter_context(determinism_guard())
        stack.enter_context(commuting_checkouts())
        database = open_database(setting, stack)
        if database is not None:
            database.prepare(lambda connection: system.create(connection, setting))
        stage = Stage(setting, system, database)
        stage.world().close()
        stack.enter_context(collected_between_executions())
        yield stage
