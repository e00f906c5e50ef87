"""What a batch did, row by row, with values from the real database; only while somebody will read the timeline."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simharness.core.step import Operation
from simharness.database.footprints import Accesses, RowSet
from simharness.database.postgresql import wire
from simharness.database.postgresql.backend import Backend
from simharness.database.postgresql.batch import Batch
from simharness.database.postgresql.statement import Statement
from simharness.database.postgresql.transaction import Schema
from simharness.database.predicates import Contents
from simharness.database.shape import Verb

# Rows that get a line of their own.
_MOST_ROWS = 8
_DEADLOCK = "40P01"
_WORD = re.compile(r"[a-z_][a-z0-9_$]*")
_Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class Narrator:
    """Tells what batches of one session did.

    Args:
        schema: the database.
        committed: a session of our own, which sees what is committed.
        note: takes the operations.
        session: the number of the session.
    """

    schema: Schema
    committed: Backend
    note: Callable[[Operation], None]
    session: int

    def tell(
        self,
        batch: Batch,
        own: Backend,
        ended: tuple[RowSet, ...] | None,
        returned: Callable[[str], tuple[str, ...] | None],
        before: Contents,
    ) -> None:
        """Note what a batch did.

        Args:
            batch: the batch, executed.
            own: its session, which also sees what it has not committed.
            ended: the rows that a transaction which ended here had written; None if it goes on.
            returned: the values of an integer column in the rows that came back, if they can be told.
            before: what the rows that it may have committed held before.
        """
        failure = next((wire.fields(message) for message in batch.reply if message.kind == b"E"), None)
        if failure is not None:
            self._fail(batch, failure)
            return
        inside = own.status == b"T"
        view = self._view(own) if inside else self.committed
        for statement, values in batch.statements:
            rows = self.schema.accesses(statement, values)
            if statement.shape.verb.writes:
                if not batch.waited:
                    # Else it read before it waited, and said so then.
                    self._reads_elsewhere(batch, statement, rows, view)
                if inside:
                    self._each(batch, statement, rows.writes, view, "write")
            elif statement.shape.verb is Verb.SELECT:
                read = [self._found(each, returned) for each in rows.reads]
                self._each(batch, statement, read, view, "lock" if statement.shape.locking else "read")
        if ended is not None and _rolls_back(batch):
            self.plain(batch, "ROLLBACK", "rollback")
        elif ended or (ended is not None and any(statement.ends for statement, _ in batch.statements)):
            self._commits(batch, ended, before)

    def wait(self, batch: Batch, blockers: str, written: Iterable[RowSet] = ()) -> None:
        """Note that a batch waits for a lock, and what it has read by then.

        Args:
            batch: the batch, which waits.
            blockers: whom it waits for.
            written: what its transaction wrote before; what it reads of that, only it sees.
        """
        for statement, values in batch.statements:
            rows = self.schema.accesses(statement, values)
            if rows.writes:
                self._reads_elsewhere(batch, statement, rows, self.committed, written)
            self._stand(batch, statement, rows, f"waits for {blockers}")

    def _stand(self, batch: Batch, statement: Statement, rows: Accesses, how: str) -> None:
        named = [(each.table, row) for each in rows.writes or rows.reads for row in each.rows or ()]
        if len(named) == 1:
            subject = "{}#{}".format(*named[0])
            self.plain(batch, f"{_verb(statement)} {subject} {how}", "wait", subject)
        else:
            self.plain(batch, f"{how}: {statement.label}", "wait")

    def plain(self, batch: Batch, text: str, effect: str, subject: str | None = None) -> None:
        """Note something without values."""
        self.note(Operation(batch.lane, text, "database", batch.source, effect, subject, session=f"{self.session}"))

    def _fail(self, batch: Batch, failure: dict[str, str]) -> None:
        message = failure.get("M", "")
        if failure.get("C") != _DEADLOCK:
            self.plain(batch, f"{batch.label} failed: {message}", "info")
            return
        # The server found the cycle at once: this statement would have closed it.
        for statement, values in batch.statements[-1:]:
            self._stand(batch, statement, self.schema.accesses(statement, values), "closes a cycle of waits")
        self.plain(batch, f"ROLLBACK {message}", "rollback")

    def _reads_elsewhere(
        self,
        batch: Batch,
        statement: Statement,
        rows: Accesses,
        view: Backend | None,
        written: Iterable[RowSet] = (),
    ) -> None:
        """Note what a statement that writes one table reads of others, such as in a subquery."""
        tables = {each.table for each in (*rows.writes, *written)}
        words = set(_WORD.findall(statement.sql.lower()))
        for read in rows.reads:
            for row in read.rows or ():
                if view is None or read.table in tables:
                    continue
                key = self.schema.loaded.catalog.tables[read.table].key
                seen = {c: v for c, v in self._row(view, read.table, row).items() if c in words and c not in key}
                values = " ".join(f"{column}={value}" for column, value in seen.items())
                self._note_row(batch, f"reads {read.table}#{row} {values}", "read", (read.table, row), observed=seen)

    def _found(self, read: RowSet, returned: Callable[[str], tuple[str, ...] | None]) -> RowSet:
        """Name the rows of a read by the keys that came back, where the statement's text does not."""
        table = self.schema.loaded.catalog.tables.get(read.table)
        if read.rows is not None or table is None or len(table.key) != 1:
            return read
        return RowSet(read.table, returned(table.key[0]))

    def _each(
        self, batch: Batch, statement: Statement | None, sets: Iterable[RowSet], view: Backend | None, effect: str
    ) -> None:
        named = [(s.table, row) for s in sets for row in (s.rows or ())][:_MOST_ROWS]
        if not named or view is None:
            for table, row in named:
                self.plain(batch, batch.label, effect, f"{table}#{row}")
            if not named:
                self.plain(batch, batch.label, effect)
            return
        wanted = (statement.shape.columns or statement.shape.assigned) if statement else ()
        for table, row in named:
            before = self._row(self.committed, table, row)
            seen = self._row(view, table, row)
            shown = {c: v for c, v in seen.items() if c in wanted or (not wanted and before.get(c) != v)}
            text = " ".join([f"{_verb(statement)} {table}#{row}", *(f"{c}={v}" for c, v in shown.items())])
            self._note_row(
                batch,
                text + (" FOR UPDATE" if effect == "lock" else ""),
                effect,
                (table, row),
                committed=before,
                uncommitted=shown if effect == "write" else {},
                observed=shown if effect in {"read", "lock"} else {},
            )

    def _commits(self, batch: Batch, sets: Iterable[RowSet], before: Contents) -> None:
        named = [(s.table, row) for s in sets for row in (s.rows or ())][:_MOST_ROWS]
        if not named:
            self.plain(batch, batch.label, "commit")
        for table, row in named:
            now = self._row(self.committed, table, row)
            columns = self.schema.loaded.catalog.tables[table].comparable
            held = before.get(table, {}).get(row)
            # What a new row holds, its INSERT has told, where it could.
            changed = [c for c, old in zip(columns, held or (), strict=False) if now.get(c) != _text(old)]
            text = " ".join([f"COMMIT {table}#{row}", *(f"{c}={now[c]}" for c in changed if c in now)])
            self._note_row(batch, text, "commit", (table, row), committed=now)

    def _note_row(self, batch: Batch, text: str, effect: str, place: tuple[str, str], **values: _Values) -> None:
        subject = f"{place[0]}#{place[1]}"
        self.note(
            Operation(batch.lane, text, "database", batch.source, effect, subject, session=f"{self.session}", **values)
        )

    def _view(self, own: Backend) -> Backend | None:
        """Return the session whose eyes see what it has not committed; None where a look would change something.

        Under SERIALIZABLE every read leaves a mark, and another transaction may fail for it.
        """
        return None if own.query("SHOW transaction_isolation") == [["serializable"]] else own

    def _row(self, view: Backend, table: str, row: str) -> _Values:
        known = self.schema.loaded.catalog.tables[table]
        if len(known.key) != 1:
            return {}
        key, value = known.key[0].replace('"', '""'), row.replace("'", "''")
        name = table.replace('"', '""')
        found = view.query(f'SELECT pg_catalog.to_jsonb(t) FROM "{name}" t WHERE t."{key}"::text = \'{value}\'')
        if not found:
            return {}
        return {c: _text(v) for c, v in json.loads(str(found[0][0])).items()}


def _text(value: object) -> str:
    return "NULL" if value is None else str(value)


def _verb(statement: Statement | None) -> str:
    return statement.shape.verb if statement else ""


def _rolls_back(batch: Batch) -> bool:
    return any(message.kind == b"C" and message.body.startswith(b"ROLLBACK") for message in batch.reply)
