"""PostgreSQL as the database of a case: the embedded server of this process, or one of the user's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import cache
from typing import TYPE_CHECKING, Any

from simharness.database.footprints import Accesses, RowSet
from simharness.database.postgresql.checkout import nameless_connections
from simharness.database.postgresql.database import PostgresqlDatabase
from simharness.database.postgresql.own_server import OwnServer
from simharness.database.postgresql.server import EmbeddedServer, Server
from simharness.loop.guard import EPOCH_NS
from simharness.loop.loop import SimLoop
from simharness.loop.network import Network
from simharness.world.databases import faults_of
from simharness.world.setting import Setting

if TYPE_CHECKING:
    from sqlalchemy import Connection

# The host is not dialled: as a directory it spares the drivers the negotiation of TLS. The password, a look at files.
_URL = "postgresql+{driver}://program:program@/program?host=/simharness"

_NS_PER_MS = 1_000_000

_BEHIND = """
SELECT s.sequence, format('SELECT max(%I) FROM %s', a.attname, c.oid::regclass)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
CROSS JOIN LATERAL (SELECT pg_get_serial_sequence(c.oid::regclass::text, a.attname) AS sequence) s
WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema)' AND s.sequence IS NOT NULL ORDER BY 1
"""


@cache
def _embedded() -> EmbeddedServer:
    """Return the server of this process; it ends with it."""
    return EmbeddedServer()


class _Network(Network):
    """Leads drivers to the bridge, wherever they think that their server is."""

    def __init__(self, database: PostgresqlDatabase) -> None:
        self._database = database

    async def connect(self, loop: SimLoop, protocol_factory: Callable[[], Any], **options: Any) -> Any:
        """Serve asyncpg; whoever else connects is refused."""
        protocol = protocol_factory()
        if not type(protocol).__module__.startswith("asyncpg"):
            return await super().connect(loop, lambda: protocol, **options)
        place = {key: options.get(key) for key in ("host", "port", "path", "ssl")}
        return await self._database.connect(loop, lambda: protocol, **place)

    async def start_tls(self, transport: Any) -> Any:
        """Leave the transport as it is: there is no wire that anybody could read."""
        return transport


class PostgresqlPort:
    """A PostgreSQL database under asyncpg or psycopg; see ``databases.Port``.

    Args:
        setting: the case.
        stack: ends the use of the database; the embedded server goes on for the next case.

    Raises:
        ScenarioError: the extra is not installed, or the user's server is not as it must be.
    """

    def __init__(self, setting: Setting, stack: ExitStack) -> None:
        server: Server
        if setting.database_url is None:
            server, self._where = _embedded(), "embedded"
        else:
            server, self._where = OwnServer(setting.database_url), "own server"
            stack.callback(server.stop)
        self._driver = setting.driver
        self._isolation = setting.isolation or "read committed"
        self._database = PostgresqlDatabase(server, settings=_settings(setting), faults=faults_of(setting))
        stack.callback(self._database.close)
        stack.enter_context(nameless_connections(self._database.psycopg_session))
        self._network = _Network(self._database)
        self.url = _URL.format(driver=self._driver)
        self._version = ""
        self._commits = self._drawn = 0

    def prepare(self, create: Callable[[Connection], None]) -> None:
        """Build the tables and rows that every execution starts with."""
        from sqlalchemy import NullPool, create_engine, text

        def create_and_seed(url: str) -> None:
            engine = create_engine(url, poolclass=NullPool)
            with closing(engine.connect()) as connection:
                create(connection)
                # Rows that came with their keys leave the sequences behind.
                for sequence, highest in connection.execute(text(_BEHIND)).all():
                    connection.execute(
                        text(f"SELECT setval('{sequence}', m) FROM ({highest}) t(m) WHERE m IS NOT NULL")
                    )
                connection.commit()
            engine.dispose()

        self._database.prepare(create_and_seed, epoch_ns=EPOCH_NS)
        self._version = str(self._database.read("SHOW server_version")[0]["server_version"])

    def begin_execution(self, loop: SimLoop) -> None:
        """Answer the drivers' connections on ``loop``."""
        loop.network = self._network
        self._database.begin(loop, EPOCH_NS)
        self._commits, self._drawn = self._database.commits, self._database.drawn

    def close_execution(self) -> None:
        """Take the sessions back and fill the tables again."""
        self._database.end()

    def cut(self) -> None:
        """Let the server notice that the program is gone: it rolls back what was not committed."""
        self._database.cut()

    def read(self, sql: str) -> list[dict[str, Any]]:
        """Read committed rows."""
        return self._database.read(sql)

    def changed(self) -> bool:
        """Ask the bridge whether a transaction has published anything."""
        commits = self._database.commits
        if commits == self._commits:
            return False
        self._commits = commits
        return True

    def drew(self) -> bool:
        """Ask the bridge whether a statement may have drawn from a sequence."""
        drawn, self._drawn = self._drawn, self._database.drawn
        return drawn != self._drawn

    def observe(self, table: str, row: str) -> None:
        """Record the read of one row."""
        self._database.keys.record_reads(Accesses(reads=(RowSet(table, (row,)),)))

    def observe_all(self) -> None:
        """Record the read of everything."""
        self._database.record_look()

    def locks_of(self, task: int) -> str | None:
        """Return the tables in which the task's open transaction has locked rows."""
        bridge = self._database.bridge
        tables = set() if bridge is None else bridge.tables_locked_by(task)
        return f"row locks in {', '.join(sorted(tables))}" if tables else None

    def waits(self) -> list[str]:
        """Return who waits for whom, as the server says."""
        bridge = self._database.bridge
        return [] if bridge is None else bridge.standstill()

    @property
    def description(self) -> str:
        """PostgreSQL, its version, the drivers that connected and the isolation level."""
        drivers = " and ".join(sorted(self._database.drivers)) or self._driver
        return f"postgresql {self._version} ({self._where}, {drivers}, {self._isolation})"

    def findings(self) -> list[str]:
        """Return nothing: what is not understood conflicts with everything."""
        return []


def _settings(setting: Setting) -> dict[str, str]:
    settings = {}
    if setting.isolation is not None:
        settings["default_transaction_isolation"] = setting.isolation
    if setting.lock_timeout_ns is not None:
        settings["lock_timeout"] = f"{max(setting.lock_timeout_ns // _NS_PER_MS, 1)}ms"
    return settings
