"""The footprint keys of one database, and how accesses are recorded under them."""

from __future__ import annotations

from simharness.core import name
from simharness.core.footprint import Rows, recorder
from simharness.database.footprints import Accesses


class DatabaseKeys:
    """The footprint keys of one database.

    Args:
        database: the name that the scenario gives it.
    """

    def __init__(self, database: str) -> None:
        self._prefix = f"db {database}"
        self.everything = name.static(f"{self._prefix} everything")
        self.writer = name.static(f"{self._prefix} writer")
        self.commits = name.static(f"{self._prefix} commits")
        self._rows: dict[tuple[str, str], Rows] = {}

    def _of(self, world: str, member: str) -> Rows:
        known = self._rows.get((world, member))
        if known is None:
            known = self._rows[world, member] = Rows(name.static(f"{self._prefix} {world} {member}"))
        return known

    def visible(self, table: str) -> Rows:
        """Rows as committed."""
        return self._of("visible", table)

    def lock(self, table: str) -> Rows:
        """Row locks."""
        return self._of("lock", table)

    def unique(self, table: str, index: str) -> Rows:
        """Keys of a unique index."""
        return self._of("unique", f"{table}.{index}")

    def sequence(self, sequence: str) -> int:
        """The position of a sequence."""
        return name.static(f"{self._prefix} sequence {sequence}")

    def value(self, table: str, column: str, text: str | None) -> int:
        """Which rows have a value in a column; of None, any value."""
        owner = name.static(f"{self._prefix} values {table}.{column}")
        return owner if text is None else name.member(owner, text)

    def numbers(self, table: str) -> int:
        """Which rows came or went under keys that were not drawn from the table's sequence."""
        return name.static(f"{self._prefix} numbers {table}")

    def exists(self, table: str) -> Rows:
        """Which rows there are to refer to."""
        return self._of("exists", table)

    def record_reads(self, accesses: Accesses) -> None:
        """Record reads of committed rows, those of parents included."""
        for rows in accesses.reads + accesses.parents:
            record(self.visible(rows.table), rows.rows, write=False)

    def record_look(self) -> None:
        """Record a read of all that is committed: it depends on whatever is published."""
        recorder.read(self.everything)
        recorder.read(self.commits)

    def record_published(self, accesses: Accesses) -> None:
        """Record that written rows became visible to others."""
        if accesses.everything:
            recorder.write(self.everything)
        for rows in accesses.writes:
            record(self.visible(rows.table), rows.rows, write=True)
        if accesses.everything or accesses.writes:
            recorder.add(self.commits)

    def record_unique(self, accesses: Accesses) -> None:
        """Record the unique keys that are taken or freed."""
        for key in accesses.unique:
            record(self.unique(key.table, key.index), None if key.key is None else (key.key,), write=True)

    def record_locks(self, accesses: Accesses) -> None:
        """Record row locks that are taken or released."""
        for rows in accesses.writes:
            record(self.lock(rows.table), rows.rows, write=True)


def record(target: Rows, rows: tuple[str, ...] | None, *, write: bool) -> None:
    """Record an access to some rows, or to all of them (None)."""
    if rows is None:
        if write:
            target.write_all()
        else:
            target.read_all()
        return
    for row in rows:
        if write:
            target.write_row(row)
        else:
            target.read_row(row)
