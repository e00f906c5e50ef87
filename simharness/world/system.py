"""What a system under test has to offer. Users write one for their own bot; see ``simharness.systems``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from simharness.invariants.snapshot import Memory, Snapshot
from simharness.world.setting import Command, Given, Setting

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from simharness.world.world import World

Read = Callable[[str], list[dict[str, Any]]]


class Running(Protocol):
    """The system inside one execution."""

    def start(self) -> Coroutine[Any, Any, None]:
        """Bring it up; runs to rest before the exploration begins."""

    def perform(self, command: Command) -> Coroutine[Any, Any, Any]:
        """Carry out a command of the scenario; what it returns goes to :meth:`answer_of`.

        ``rest`` commands are sent to :attr:`app` by the world and do not come here.
        """

    @property
    def app(self) -> Any:
        """The ASGI application that ``rest`` commands go to, or None."""

    def memory(self) -> Memory:
        """Return what it holds in memory, for invariants."""

    def crash(self) -> None:
        """Forget everything in memory; the world starts a new one afterwards."""


class System(Protocol):
    """A system under test, made once for each case by the factory that the scenario names.

    Attributes:
        watched: packages under test: their lines stand in timelines, their heap is tracked.
        observes: whether it keeps a database.
    """

    watched: tuple[str, ...]

    def create(self, connection: Connection, setting: Setting) -> None:
        """Create the schema and the rows of ``given``, through a plain synchronous connection."""

    def build(self, world: World) -> Running:
        """Build the program for one execution."""

    def snapshot(self, read: Read) -> Snapshot:
        """Translate committed rows; ``read`` runs a query on committed state."""

    def subject_of(self, command: Command, variables: Mapping[str, str]) -> str | None:
        """Return the key of the row that a command's answer speaks of."""

    def variables(self, given: tuple[Given, ...]) -> Mapping[str, str]:
        """Return what ``{name}`` stands for in the commands' targets."""


Factory = Callable[..., System]
