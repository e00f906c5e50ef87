"""What the open transaction of one session did, and which keys each of its events touches.

READ COMMITTED: an uncommitted write touches the row's lock, never what others see; the commit publishes it. So a
SELECT elsewhere depends on the commit and commutes with the write.

REPEATABLE READ: the first look at anything fixes the snapshot, so it depends on every commit. After it a plain read
depends on nothing: its rows are those of the snapshot, or the transaction's own. A write still depends on who holds the
row's lock and who has committed to it, as above: that is what decides between success and a serialization failure.
Unique indexes and foreign keys are checked against the latest rows under every level.

SERIALIZABLE: besides, who fails depends on what others have read. All statements and ends of such transactions depend
on each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from simharness.core import name
from simharness.core.footprint import CLOCK, recorder
from simharness.database.footprints import EVERYTHING, NOTHING, Accesses, RowSet, bind
from simharness.database.keys import DatabaseKeys, record
from simharness.database.postgresql.catalog import LoadedCatalog
from simharness.database.postgresql.statement import Statement, understand
from simharness.database.predicates import Ask, Contents, Lookup, Predicates, lookup
from simharness.database.shape import Verb

_DEADLOCK = "40P01"


class Schema:
    """What is known about one database: its catalog, the names of its keys, and which tables were written to.

    Args:
        loaded: the catalog.
        keys: the keys.
        ask: asks a session of our own for what is committed.
    """

    def __init__(self, loaded: LoadedCatalog, keys: DatabaseKeys, ask: Ask) -> None:
        self.loaded = loaded
        self.keys = keys
        self.predicates = Predicates(keys, ask)
        self.snapshots = name.static(f"{name.text(keys.commits)} snapshots")
        # Who waits for whom, as a whole: which of two waits comes second decides whose transaction a deadlock ends.
        self.waits = name.static(f"{name.text(keys.commits)} waits")
        self.dirty: set[str] = set()
        self.all_dirty = False
        # How many transactions have published anything, for those who look after every commit.
        self.commits = 0
        # How many statements may have drawn from a sequence.
        self.drawn = 0

    def accesses(self, statement: Statement, values: tuple[Any, ...]) -> Accesses:
        """Return what a statement touches."""
        shape = statement.shape
        if statement.instant or statement.ends or statement.fetches or statement.pool_reset:
            return NOTHING
        if statement.partial_rollback:
            return NOTHING
        return EVERYTHING if shape.verb is Verb.OTHER else bind(shape, values, self.loaded.catalog)

    def tells_time(self, statement: Statement, accesses: Accesses) -> bool:
        """Return whether a statement may look at the clock."""
        if statement.instant or statement.ends:
            return False
        touched = {rows.table for rows in accesses.writes} | set(accesses.generates)
        return statement.tells_time or accesses.everything or bool(touched & self.loaded.timed)

    def soil(self, accesses: Accesses) -> None:
        """Remember which tables a reset must fill again."""
        self.all_dirty |= accesses.everything
        self.dirty.update(rows.table for rows in accesses.writes)
        self.dirty.update(accesses.generates)
        self.dirty.update(key.table for key in accesses.unique)


class Transaction:
    """The footprint of a session's transaction, one after the other.

    Args:
        schema: the database.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._done = NOTHING
        # Tables of which the running statement makes a row whose key is not known yet.
        self._generated: tuple[str, ...] = ()
        self._locked: tuple[RowSet, ...] = ()
        # Tables in which it made or removed rows by a key that it was given: the sequence may come upon the same one.
        self._numbered: set[str] = set()
        # What the rows that it wrote held before the running step.
        self._before: Contents = {}
        self._session_snapshot = self._session_serial = False
        self._snapshot = self._serial = False
        self._snapped = False
        self._session_locks = False
        # The task that used the connection last.
        self.user: int | None = None
        # Whether the transaction ran a statement: then its end is an event, because its reply takes time to arrive.
        self.idle = True

    @property
    def holds_session_locks(self) -> bool:
        """Whether locks outlive the transaction."""
        return self._session_locks

    @property
    def awaits_snapshot(self) -> bool:
        """Whether the next look at anything fixes what this transaction sees."""
        return (self._snapshot or self._session_snapshot) and not self._snapped

    def fix_snapshot(self) -> None:
        """Record the look that fixes what the transaction sees, which need not be a statement."""
        if self.awaits_snapshot:
            recorder.read(self._schema.snapshots)
            self._snapped = True
            self.idle = False
        if self.serial:
            recorder.write(self._schema.snapshots)

    @property
    def serial(self) -> bool:
        """Whether it is SERIALIZABLE."""
        return self._serial or self._session_serial

    @property
    def written(self) -> tuple[RowSet, ...]:
        """The rows that it wrote."""
        return self._done.writes

    @property
    def before(self) -> Contents:
        """What these rows held when the running step began, if it may commit."""
        return self._before

    @property
    def row_locks(self) -> frozenset[str]:
        """The tables in which it has locked rows, by writing to them or by asking for it."""
        return frozenset(rows.table for rows in (*self._done.writes, *self._locked))

    @property
    def locked_tables(self) -> frozenset[str] | None:
        """The tables on which it may hold locks that keep writers away; None for any."""
        if self._done.everything:
            return None
        return frozenset(
            rows.table for rows in (*self._done.writes, *self._done.reads, *self._done.parents, *self._locked)
        ) | frozenset(self._done.generates)

    def note_settings(self, parameters: Mapping[str, str]) -> None:
        """Remember what a session's startup parameters say about its transactions."""
        text = " ".join(f"{key}={value}" for key, value in sorted(parameters.items())).replace("\\ ", " ")
        setting = understand(f"SET {text}")
        self._session_snapshot |= setting.isolates
        self._session_serial |= setting.serializes

    def note_instant(self, statement: Statement) -> None:
        """Remember what a statement that ran at once changed about the transaction."""
        self._snapshot |= statement.isolates
        self._serial |= statement.serializes
        if statement.isolates_session:
            self._session_snapshot |= statement.isolates
            self._session_serial |= statement.serializes

    def run(self, statements: Sequence[tuple[Statement, tuple[Any, ...]]], *, inside: bool, waited: bool) -> None:
        """Record the statements of the running step, which are about to run.

        Args:
            statements: statements and values; none for a Sync, which ends what ran before.
            inside: whether a transaction block is open.
            waited: they have waited for a lock: what they see may be older than what is committed now.
        """
        alone = len(statements) == 1
        for statement, values in statements:
            self._run(statement, values, exact=alone and not waited)
        self._before = {}
        if not (inside and alone) or statements[0][0].ends:
            # It may commit.
            self._before = self._schema.predicates.contents(self._done.writes, self._schema.loaded.catalog)

    def _run(self, statement: Statement, values: tuple[Any, ...], *, exact: bool) -> None:
        keys = self._schema.keys
        catalog = self._schema.loaded.catalog
        accesses = self._schema.accesses(statement, values)
        by = lookup(statement.shape, values, accesses, catalog) if exact else None
        if self._schema.tells_time(statement, accesses):
            recorder.read(CLOCK)
        self.note_instant(statement)
        self._session_locks |= statement.holds
        self.idle = False
        if statement.partial_rollback or statement.pool_reset:
            self._record_release()
        if not (statement.ends or statement.fetches):
            self._record(accesses, by, locking=statement.shape.locking)
            if self.serial:
                recorder.write(self._schema.snapshots)
        recorder.read(keys.everything)

    def fail(self, codes: Iterable[str]) -> None:
        """Record what an error of the server depends on besides the statement's own rows."""
        if _DEADLOCK in codes:
            recorder.write(self._schema.waits)

    def learn(self, keys_of: Callable[[str], tuple[str, ...] | None]) -> None:
        """Take over the keys that the statement just executed has let the database make up.

        Args:
            keys_of: from the name of the key's column to its values; None if they are not known.
        """
        generated, self._generated = self._generated, ()
        for table in generated:
            column = self._schema.loaded.catalog.tables[table].generated
            rows = keys_of(column) if column is not None else None
            if rows is None:
                self._done = self._done | Accesses(generates=(table,))
            else:
                made = (RowSet(table, rows),)
                # It was not there before, unless the transaction took it away, and then it has been looked at.
                held = self._before.setdefault(table, {})
                held.update((row, None) for row in rows if row not in held)
                self._done = self._done | Accesses(writes=made, rekeyed=made)

    def finish(self, *, committed: bool) -> None:
        """Record the end of the transaction: commit, rollback, or the error that released its locks."""
        if committed:
            # Also where the pieces were instant: a transaction may publish what an earlier batch wrote.
            self._schema.keys.record_published(self._done)
            self._schema.predicates.record_published(self._done.writes, self._before, self._schema.loaded.catalog)
            if self._done.writes or self._done.everything or self._done.generates:
                self._schema.commits += 1
                recorder.add(self._schema.snapshots)
                for table in self._done.generates:
                    record(self._schema.keys.visible(table), None, write=True)
                    record(self._schema.keys.exists(table), None, write=True)
        self._record_release()
        if self.serial:
            # Also without writes: under SERIALIZABLE the end of a reader decides who fails.
            recorder.write(self._schema.snapshots)
        self._done = NOTHING
        self._locked = ()
        self._numbered.clear()
        self._snapshot = self._serial = self._snapped = False
        self.idle = True

    def _record(self, accesses: Accesses, by: Lookup | None, *, locking: bool) -> None:
        keys = self._schema.keys
        if accesses.everything:
            recorder.write(keys.everything)
            self._schema.drawn += 1
        if not self._snapped:
            self._schema.predicates.record_reads(replace(accesses, parents=()), by)
        keys.record_locks(accesses)
        self._record_references(accesses)
        keys.record_unique(accesses)
        tables = self._schema.loaded.catalog.tables
        self._numbered |= {r.table for r in accesses.rekeyed if r.table in tables and tables[r.table].generated}
        self._record_numbers(accesses)
        written = {rows.table for rows in accesses.writes}
        for table in sorted(written & self._schema.loaded.counted | set(accesses.generates)):
            recorder.write(keys.sequence(table))
            self._schema.drawn += 1
        if locking:
            for rows in accesses.reads:
                record(keys.lock(rows.table), rows.rows, write=True)
                record(keys.exists(rows.table), rows.rows, write=True)
            self._locked = tuple(dict.fromkeys(self._locked + accesses.reads))
        if accesses.everything or accesses.writes or accesses.generates:
            self._schema.soil(accesses)
            self._generated += accesses.generates
            self._done = self._done | replace(accesses, generates=())

    def _record_release(self) -> None:
        keys = self._schema.keys
        if self._done.everything:
            recorder.write(keys.everything)
        keys.record_locks(self._done)
        keys.record_unique(self._done)
        self._record_references(self._done)
        self._record_numbers(self._done)
        for rows in self._locked:
            record(keys.lock(rows.table), rows.rows, write=True)
            record(keys.exists(rows.table), rows.rows, write=True)

    def _record_numbers(self, accesses: Accesses) -> None:
        """Record that a key drawn from a sequence and one that was given may be the same."""
        for table in accesses.generates:
            recorder.read(self._schema.keys.numbers(table))
        for table in sorted(self._numbered):
            recorder.add(self._schema.keys.numbers(table))

    def _record_references(self, accesses: Accesses) -> None:
        """Record who refers to a row (FOR KEY SHARE), and who may make it go or come; other updates do not meet."""
        keys = self._schema.keys
        for rows in accesses.parents:
            record(keys.exists(rows.table), rows.rows, write=False)
        for rows in accesses.rekeyed:
            record(keys.exists(rows.table), rows.rows, write=True)
