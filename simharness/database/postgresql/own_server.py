"""A scratch database on a PostgreSQL server of the user's (``database: {url: …}``)."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from simharness.database.postgresql import process, tuning, wire
from simharness.database.postgresql.backend import Backend, ServerRefused
from simharness.database.postgresql.installation import require_extra
from simharness.database.postgresql.wire import Message
from simharness.errors import ScenarioError

_OLDEST = 140000
_PREFIX = "simharness_"
_NEEDS = (
    "it needs a superuser on PostgreSQL 14 or newer on this machine, whose processes simharness may stop and continue "
    "(run as the server's user or as root)"
)
# What a server reports of itself when a session opens; drivers look some of them up.
_REPORTED = (
    "server_version",
    "server_encoding",
    "client_encoding",
    "application_name",
    "is_superuser",
    "session_authorization",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "integer_datetimes",
    "standard_conforming_strings",
)


class OwnServer:
    """A server of the user's, with a scratch database that is dropped at the end.

    Its own settings stay as they are; sessions set what they can. Autovacuum cannot be switched off by a session:
    switch it off in the server's configuration, or unordered SELECTs may differ from run to run.

    Args:
        url: an SQLAlchemy or libpq URL with a superuser; its database is only used to create the scratch database.

    Raises:
        ScenarioError: the URL is none, the server is not reachable, or is not as it must be.
    """

    def __init__(self, url: str) -> None:
        require_extra()
        try:
            self._url: URL = make_url(url).set(drivername="postgresql")
        except ArgumentError:
            raise ScenarioError(f"database: url: not a database URL: {url!r}") from None
        self.scratch = f"{_PREFIX}{os.getpid()}_{secrets.token_hex(3)}"
        self._stopped = False
        maintenance = self._maintenance()
        self._check(maintenance)
        _drop_leftovers(maintenance)
        maintenance.close()

    def __enter__(self) -> OwnServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def dial(self, parameters: Mapping[str, str]) -> Backend:
        """Return a new session on the scratch database."""
        return self._dial(self.scratch, tuning.SESSION | dict(parameters) | tuning.WAIT_NOTICES)

    def url(self, driver: str = "psycopg") -> str:
        """Return a SQLAlchemy URL of the scratch database."""
        url = self._url.set(drivername=f"postgresql+{driver}", database=self.scratch)
        return url.render_as_string(hide_password=False)

    def clear(self) -> None:
        """Create the scratch database, or empty it."""
        maintenance = self._maintenance()
        maintenance.query(f"DROP DATABASE IF EXISTS {self.scratch} WITH (FORCE)")
        maintenance.query(f"CREATE DATABASE {self.scratch} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        maintenance.close()

    def template(self) -> None:
        """Remember the scratch database as it is."""
        self._copy(self.scratch, f"{self.scratch}_template")

    def restore(self) -> None:
        """Make the scratch database anew as remembered."""
        self._copy(f"{self.scratch}_template", self.scratch)

    def stop(self) -> None:
        """Drop what was created; the server goes on."""
        if self._stopped:
            return
        self._stopped = True
        maintenance = self._maintenance()
        for database in (self.scratch, f"{self.scratch}_template"):
            maintenance.query(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        maintenance.close()

    def _copy(self, source: str, target: str) -> None:
        maintenance = self._maintenance()
        maintenance.query(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)")
        maintenance.query(f"CREATE DATABASE {target} TEMPLATE {source}")
        maintenance.close()

    def _maintenance(self) -> Backend:
        return self._dial(self._url.database or "postgres", {})

    def _check(self, session: Backend) -> None:
        ((version, superuser),) = session.query(
            "SELECT current_setting('server_version_num'), current_setting('is_superuser')"
        )
        lacking = ""
        if int(version or 0) < _OLDEST:
            lacking = f"this one is version {version}"
        elif superuser != "on":
            lacking = f"{self._url.username} is no superuser"
        elif not _may_signal(session.pid):
            lacking = "its processes are not ours to stop"
        if lacking:
            session.close()
            raise ScenarioError(f"database: url: {lacking}; {_NEEDS}")

    def _dial(self, database: str, settings: Mapping[str, str]) -> Backend:
        # libpq authenticates, in whatever way the server asks for; then the session is ours.
        from psycopg import pq
        from psycopg.conninfo import make_conninfo

        url = self._url.set(database=database).render_as_string(hide_password=False)
        target = make_conninfo(url, sslmode="disable", gssencmode="disable", options=_options(settings))
        connection = pq.PGconn.connect(target.encode())
        if connection.status != pq.ConnStatus.OK:
            reason = " ".join(connection.get_error_message().split())
            raise ScenarioError(f"database: url: {reason}; {_NEEDS}")
        backend = Backend(socket.socket(fileno=os.dup(connection.socket)), keep=connection)
        backend.pid = connection.backend_pid
        backend.greeting = [Message(b"R", b"\0\0\0\0")]
        for reported in _REPORTED:
            value = connection.parameter_status(reported.encode()) or b""
            backend.greeting.append(Message(b"S", reported.encode() + b"\0" + value + b"\0"))
        backend.greeting += [wire.key_data(backend.pid, 0), Message(b"Z", b"I")]
        return backend


def _options(settings: Mapping[str, str]) -> str:
    """Return settings as libpq's command-line options."""
    escaped = {key: value.replace("\\", "\\\\").replace(" ", "\\ ") for key, value in settings.items()}
    own = escaped.pop("options", "").replace("\\ ", " ")
    return " ".join([*(f"-c {key}={value}" for key, value in escaped.items()), own]).strip()


def _may_signal(pid: int) -> bool:
    """Return whether the process is a PostgreSQL backend of this machine that we may stop."""
    try:
        os.kill(pid, 0)
        command = Path(f"/proc/{pid}/cmdline").read_bytes() if Path("/proc").is_dir() else b"postgres"
    except OSError:
        return False
    return b"postgres" in command


def _drop_leftovers(maintenance: Backend) -> None:
    for (database,) in maintenance.query(f"SELECT datname FROM pg_database WHERE datname ~ '^{_PREFIX}[0-9]+_'"):
        owner = int(str(database).removeprefix(_PREFIX).partition("_")[0])
        if process.alive(owner):
            continue
        for (pid,) in maintenance.query(f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}'"):
            # The killed run may have left it stopped.
            process.resume(int(pid or 0))
        try:
            maintenance.query(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        except ServerRefused:
            # Another run that starts now drops it as well.
            continue
