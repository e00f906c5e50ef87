"""The database of a world: prepared once, begun and ended once per execution."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any

from simharness.core.agenda import Agenda
from simharness.core.footprint import recorder
from simharness.database.keys import DatabaseKeys
from simharness.database.postgresql import catalog, tuning
from simharness.database.postgresql.asyncpg_seam import AsyncpgSeam
from simharness.database.postgresql.bridge import Bridge, Parking
from simharness.database.postgresql.moments import moment_text
from simharness.database.postgresql.psycopg_seam import PsycopgSeam
from simharness.database.postgresql.reset import Baseline
from simharness.database.postgresql.server import Server
from simharness.database.postgresql.session import Session
from simharness.database.postgresql.transaction import Schema
from simharness.database.postgresql.transport import SessionTransport
from simharness.faults.plan import FaultPlan


class PostgresqlDatabase:
    """A PostgreSQL database under the control of the explorer.

    In order: :meth:`prepare` once; then, per execution, :meth:`begin`, the program (whose drivers connect through
    :meth:`connect` and the psycopg seam), :meth:`end`; at last :meth:`close`.

    Args:
        server: a running server; the caller stops it.
        label: the name of the database in footprints.
        check: compare the footprint of each statement in a transaction with ``pg_locks`` (0.1 ms each).
        settings: what sessions start with unless they ask for something else, such as ``lock_timeout``.
        faults: those that may strike; a statement that waits long for a lock may give up.
    """

    def __init__(
        self,
        server: Server,
        label: str = "postgresql",
        *,
        check: bool = False,
        settings: Mapping[str, str] | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        self._faults = faults
        self.check = check
        self._settings = dict(settings or {})
        self.server = server
        self._keys = DatabaseKeys(label)
        self._parking = Parking(server)
        self._psycopg = PsycopgSeam(lambda: self.drivers.add("psycopg"))
        self._asyncpg = AsyncpgSeam()
        self._plug = socket.socket(socket.AF_UNIX)
        self._schema: Schema | None = None
        self._baseline: Baseline | None = None
        self.bridge: Bridge | None = None
        # Which drivers have connected, in any execution.
        self.drivers: set[str] = set()

    def prepare(self, setup: Callable[[str], None] | None = None, *, epoch_ns: int = 0) -> None:
        """Let ``setup`` create tables and rows in an empty database, and remember them as every execution's start.

        One database at a time: an earlier one on the same server must be closed.

        Args:
            setup: called with a SQLAlchemy URL (psycopg); must close its connections.
            epoch_ns: what ``now()`` says meanwhile, in nanoseconds of Unix time: a default must not depend on the day.
        """
        self.server.clear()
        session = self.server.dial({})
        session.query(tuning.clock_functions(moment_text(epoch_ns)))
        session.query(tuning.ADOPT_DEFAULTS)
        session.close()
        if setup is not None:
            setup(self.server.url())
        monitor = self._parking.monitor
        monitor.query(tuning.ADOPTED)
        self._baseline = Baseline(monitor)
        self._schema = Schema(catalog.load(monitor), self._keys, self._told)
        self._parking.close()
        self.server.template()

    def begin(self, agenda: Agenda, epoch_ns: int) -> None:
        """Start an execution.

        Args:
            agenda: the loop's side.
            epoch_ns: Unix time in nanoseconds that the virtual clock starts at.
        """
        assert self._schema is not None, "prepare() comes first"
        self.bridge = Bridge(
            agenda, epoch_ns, self._schema, self._parking, self._settings, checking=self.check, faults=self._faults
        )
        self._psycopg.begin(self.bridge)
        self._asyncpg.begin()

    def end(self) -> None:
        """End an execution, finished or not: sessions go back, dirtied tables are filled again."""
        bridge, schema = self.bridge, self._schema
        assert bridge is not None, "begin() comes first"
        assert schema is not None, "prepare() comes first"
        self.bridge = None
        self._psycopg.end()
        self._asyncpg.end()
        bridge.abandon()
        if bridge.defined:
            self._parking.close()
            self.server.restore()
        elif self._baseline is not None:
            self._baseline.session = self._parking.monitor
            self._baseline.refill(None if schema.all_dirty else schema.dirty)
        schema.dirty.clear()
        schema.all_dirty = False

    def cut(self) -> None:
        """End the connections of a program that has crashed, and roll back what it had not committed."""
        assert self.bridge is not None, "no execution is running"
        self.bridge.cut()
        self._psycopg.drop()

    def read(self, sql: str) -> list[dict[str, Any]]:
        """Return rows as committed, by column name and with Python's values, through a session of our own."""
        return self._parking.monitor.records(sql)

    def record_look(self) -> None:
        """Record a read of all that is committed, and of what no rollback takes back."""
        assert self._schema is not None, "prepare() comes first"
        self._keys.record_look()
        # Rows under keys that nobody knows are published here alone.
        recorder.read(self._schema.snapshots)
        for table in sorted(self._schema.loaded.catalog.tables):
            recorder.read(self._keys.sequence(table))

    @property
    def keys(self) -> DatabaseKeys:
        """The footprint keys of this database."""
        return self._keys

    def psycopg_session(self, connection: Any) -> Session | None:
        """Return the session behind a connection of psycopg."""
        return self._psycopg.session_of(connection)

    @property
    def commits(self) -> int:
        """How many transactions of this database have published anything."""
        return 0 if self._schema is None else self._schema.commits

    @property
    def drawn(self) -> int:
        """How many statements may have drawn from a sequence, which no rollback undoes."""
        return 0 if self._schema is None else self._schema.drawn

    def _told(self, sql: str) -> list[dict[str, Any]] | None:
        # The monitor of the moment: each preparation closes it.
        return self._parking.monitor.try_records(sql)

    def query(self, sql: str) -> list[list[str | None]]:
        """Return rows as committed, as text, through a session of our own; for invariants and outcomes."""
        return self._parking.monitor.query(sql)

    async def connect(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: object = None,
        port: object = None,
        path: object = None,
        ssl: object = None,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Serve ``loop.create_connection`` and ``create_unix_connection`` for any host; nothing is dialled."""
        del host, port, path, ssl
        assert self.bridge is not None, "no execution is running"
        self.drivers.add("asyncpg")
        protocol = protocol_factory()
        transport = SessionTransport(loop, protocol, self.bridge, self._plug)
        protocol.connection_made(transport)
        return transport, protocol

    def close(self) -> None:
        """Let go of all sessions; the server goes on."""
        if self.bridge is not None:
            self.end()
        self._psycopg.close()
        self._parking.close()
        self._plug.close()
