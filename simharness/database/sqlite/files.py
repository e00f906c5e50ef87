"""A real SQLite database in WAL mode, one fresh copy per execution."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simharness.core.name import static
from simharness.database.catalog import Catalog
from simharness.database.footprints import Parameters
from simharness.database.keys import DatabaseKeys
from simharness.database.predicates import Predicates
from simharness.database.sqlite.catalog import load_catalog
from simharness.faults.fault import Effect
from simharness.faults.plan import FaultPlan

if TYPE_CHECKING:
    from simharness.database.sqlite.session import Session

_MEMORY = Path("/dev/shm")  # noqa: S108 — a directory of our own is made inside it


class SqliteDatabase:
    """One database file that is put back to its template before each execution.

    Args:
        name: what scenarios and footprints call it.
        lock_timeout_ns: virtual time after which a statement gives up waiting for the writer lock; None: it never does.
        faults: those that may strike; a lock timeout comes after the time that the program's connection waits.
        directory: where the file lives; a private directory in memory by default.

    Attributes:
        path: the file that the program opens; the same for all executions.
        holder: the connection that holds the writer lock.
    """

    def __init__(
        self,
        name: str = "main",
        *,
        lock_timeout_ns: int | None = None,
        faults: FaultPlan | None = None,
        directory: Path | None = None,
    ) -> None:
        self.name = name
        self.lock_timeout_ns = lock_timeout_ns
        self.faults = FaultPlan() if faults is None else faults
        self.keys = DatabaseKeys(name)
        self.predicates = Predicates(self.keys, self._told)
        # Written by who begins to wait for the lock, read by who takes it: both only where waits may end.
        self.waiters = static(f"{name} statements that wait")
        self.catalog = self._known = Catalog()
        self.holder: Session | None = None
        base = directory or (_MEMORY if _MEMORY.is_dir() else None)
        self._directory = Path(tempfile.mkdtemp(prefix="simharness-", dir=base)).resolve()
        self.path = str(self._directory / f"{name}.sqlite3")
        self._template = b""
        self._reader: sqlite3.Connection | None = None

    @property
    def waits_end(self) -> bool:
        """Whether a statement may give up waiting for the lock."""
        return self.lock_timeout_ns is not None or self.faults.allows(Effect.LOCK_TIMEOUT)

    @property
    def url(self) -> str:
        """SQLAlchemy's URL of the database."""
        return f"sqlite+aiosqlite:///{self.path}"

    def prepare(self, create_and_seed: Callable[[str], None]) -> None:
        """Build the template: ``create_and_seed`` gets the path of an empty file and leaves it closed."""
        self._remove()
        create_and_seed(self.path)
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._known = self.catalog = load_catalog(connection)
        self._template = Path(self.path).read_bytes()

    def use_template(self, template: bytes | Path) -> None:
        """Take an existing database file (with everything checkpointed into it) as the template."""
        content = template if isinstance(template, bytes) else template.read_bytes()

        def copy(path: str) -> None:
            Path(path).write_bytes(content)

        self.prepare(copy)

    def fresh(self) -> str:
        """Put the file back to the template and return its path. Nothing may have it open."""
        self.release()
        self._remove()
        Path(self.path).write_bytes(self._template)
        self.catalog = self._known
        return self.path

    def release(self) -> None:
        """Close the handle of this object; the seam closes the program's."""
        self.holder = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def read(self, sql: str, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """Return the rows of a query on what is committed now, through a connection that cannot write."""
        cursor = self._second().execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _told(self, sql: str) -> list[dict[str, Any]] | None:
        try:
            return self.read(sql)
        except sqlite3.Error:  # bytes in a text, say
            return None

    def locked(self) -> bool:
        """Ask the database itself whether some connection holds the writer lock."""
        connection = self._second()
        connection.execute("PRAGMA query_only=0")
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        else:
            connection.execute("ROLLBACK")
            return False
        finally:
            connection.execute("PRAGMA query_only=1")

    def close(self) -> None:
        """Remove the file and its directory."""
        self.release()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _second(self) -> sqlite3.Connection:
        if self._reader is None:
            self._reader = sqlite3.connect(self.path, isolation_level=None, timeout=0)
            self._reader.execute("PRAGMA query_only=1")
        return self._reader

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(self.path + suffix).unlink(missing_ok=True)
