"""What a batch did, row by row, with values from the real database; only while somebody will read the timeline."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from simharness.core.step import Operation
from simharness.database.footprints import RowSet
from simharness.database.postgresql.backend import Backend
from simharness.database.postgresql.batch import Batch
from simharness.database.postgresql.statement import Statement
from simharness.database.postgresql.transaction import Schema
from simharness.database.shape import Verb

# Rows that get a line of their own.
_MOST_ROWS = 8
_Values = dict[str, str]


class Narrator:
    """Tells what batches of one session did.

    Args:
        schema: the database.
        committed: a session of our own, which sees what is committed.
        note: takes the operations.
    """

    def __init__(self, schema: Schema, committed: Backend, note: Callable[[Operation], None]) -> None:
        self._schema = schema
        self._committed = committed
        self._note = note

    def tell(self, batch: Batch, own: Backend, ended: tuple[RowSet, ...] | None, *, failed: str) -> None:
        """Note what a batch did.

        Args:
            batch: the batch, executed.
            own: its session, which also sees what it has not committed.
            ended: the rows that a transaction which ended here had written; None if it goes on.
            failed: the server's error, if there was one.
        """
        if failed:
            self._plain(batch, f"{batch.label} failed: {failed}", "info")
            return
        inside = own.status == b"T"
        for statement, values in batch.statements:
            rows = self._schema.accesses(statement, values)
            if statement.shape.verb.writes and inside:
                self._each(batch, statement, rows.writes, own, "write")
            elif statement.shape.verb is Verb.SELECT:
                self._each(batch, statement, rows.reads, own if inside else self._committed, "read")
        if ended is not None and _rolls_back(batch):
            self._plain(batch, "ROLLBACK", "rollback")
        elif ended or (ended is not None and any(statement.ends for statement, _ in batch.statements)):
            self._each(batch, batch.statements[-1][0] if batch.statements else None, ended, self._committed, "commit")

    def _each(
        self, batch: Batch, statement: Statement | None, sets: Iterable[RowSet], view: Backend, effect: str
    ) -> None:
        named = [(s.table, row) for s in sets for row in (s.rows or ())][:_MOST_ROWS]
        if not named:
            self._plain(batch, batch.label, effect)
        wanted = (statement.shape.columns or statement.shape.assigned) if statement else ()
        for table, row in named:
            before = self._row(self._committed, table, row)
            seen = self._row(view, table, row)
            shown = {c: v for c, v in seen.items() if c in wanted or (not wanted and before.get(c) != v)}
            verb = {"read": "SELECT", "commit": "COMMIT"}.get(effect, statement.shape.verb if statement else "")
            text = " ".join([f"{verb} {table}#{row}", *(f"{c}={v}" for c, v in shown.items())])
            self._note(
                Operation(
                    batch.lane,
                    text,
                    target="database",
                    source=batch.source,
                    effect=effect,
                    subject=f"{table}#{row}",
                    committed=before,
                    uncommitted=shown if effect == "write" else {},
                    observed=shown if effect == "read" else {},
                )
            )

    def _plain(self, batch: Batch, text: str, effect: str) -> None:
        self._note(Operation(batch.lane, text, target="database", source=batch.source, effect=effect))

    def _row(self, view: Backend, table: str, row: str) -> _Values:
        known = self._schema.loaded.catalog.tables[table]
        if len(known.key) != 1:
            return {}
        key, value = known.key[0].replace('"', '""'), row.replace("'", "''")
        name = table.replace('"', '""')
        found = view.query(f'SELECT pg_catalog.to_jsonb(t) FROM "{name}" t WHERE t."{key}"::text = \'{value}\'')
        if not found:
            return {}
        return {c: "NULL" if v is None else str(v) for c, v in json.loads(str(found[0][0])).items()}


def _rolls_back(batch: Batch) -> bool:
    return any(message.kind == b"C" and message.body.startswith(b"ROLLBACK") for message in batch.reply)
