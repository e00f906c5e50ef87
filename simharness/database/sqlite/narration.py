"""What a statement did, in the words of the domain, with values from the real database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from simharness.core.footprint import recorder
from simharness.core.step import Operation
from simharness.database.catalog import Table
from simharness.database.footprints import RowSet
from simharness.database.shape import Verb

if TYPE_CHECKING:
    from simharness.database.sqlite.request import Request
    from simharness.database.sqlite.session import Session

# Rows that get a line of their own; the rest of a statement is counted.
_MOST_ROWS = 8
_FEW_COLUMNS = 3

Values = dict[str, str]


class Narrator:
    """Tells one statement: made before it runs, finished afterwards."""

    def __init__(self, session: Session, request: Request) -> None:
        self._session = session
        self._request = request
        assert session.database is not None
        self._database = session.database
        ends = request.verb in {Verb.COMMIT, Verb.ROLLBACK} or request.closes
        self._ending = session.written.writes if ends else ()
        self._before = {subject: self._committed(table, row) for table, row, subject in self._named(self._ending)}

    def finish(self) -> None:
        """Note the operations of the statement."""
        request = self._request
        if request.error is not None:
            self._note(f"{request.label} failed: {request.error}", "info", None)
        elif self._ending or request.verb in {Verb.COMMIT, Verb.ROLLBACK}:
            self._end()
        elif request.verb is Verb.SELECT:
            self._select()
        elif request.verb is not None and request.verb.writes:
            self._write()
        else:
            self._note(request.label, "info", None)

    def _note(self, text: str, effect: str, subject: str | None, **values: Values) -> None:
        operation = Operation(
            lane=self._request.lane,
            text=text,
            target="database",
            source=self._request.source,
            effect=effect,
            subject=subject,
            session=None,
            **values,
        )
        recorder.note(lambda: operation)

    # -- statements ------------------------------------------------------------------------------------------------

    def _select(self) -> None:
        request = self._request
        assert request.shape is not None
        tables = sorted({rows.table for rows in request.accesses.reads})
        label = f"SELECT {', '.join(tables)}".strip()
        if request.shape.random or request.accesses.everything:
            self._note(label, "read", None)
            return
        names, rows = self._again()
        table = self._database.catalog.tables.get(tables[0]) if len(tables) == 1 else None
        keyed = table is not None and table.key and set(table.key) <= set(names)
        bound = self._named(request.accesses.reads)
        if not rows:
            subject = self._only_subject()
            self._note(f"SELECT {subject or ', '.join(tables)} → no row", "read", subject)
        elif table is not None and not keyed and len(rows) == len(bound) == 1:
            # The key stands in the condition, not in the result.
            self._observe(table, {name: _text(value) for name, value in zip(names, rows[0], strict=True)}, bound[0][1])
        elif table is None or not keyed:
            self._note(f"{label} → {_count(rows)}", "read", tables[0] if len(tables) == 1 else None)
        else:
            for row in rows[:_MOST_ROWS]:
                self._observe(table, {name: _text(value) for name, value in zip(names, row, strict=True)})
            if len(rows) > _MOST_ROWS:
                self._note(f"{label} → {len(rows) - _MOST_ROWS} more rows", "read", table.name)

    def _observe(self, table: Table, values: Values, row: str | None = None) -> None:
        row = ",".join(values[column] for column in table.key) if row is None else row
        subject = f"{table.name}#{row}"
        observed = {name: value for name, value in values.items() if name not in table.key}
        committed = self._committed(table, row) or {}
        holder = self._database.holder
        pending = (_row(holder.raw, table, row) if holder is not None and holder.raw is not None else None) or {}
        self._note(
            f"SELECT {subject} → {', '.join(f'{name} {value}' for name, value in _notable(observed).items())}",
            "read",
            subject,
            observed=observed,
            committed={name: committed[name] for name in observed if name in committed},
            uncommitted={
                name: pending[name] for name in observed if name in pending and pending[name] != committed.get(name)
            },
        )

    def _write(self) -> None:
        request = self._request
        assert request.shape is not None
        is_open = self._session.raw is not None and self._session.raw.in_transaction
        suffix, effect = ("uncommitted", "write") if is_open else ("committed", "commit")
        written = [
            rows
            for rows in request.accesses.writes
            if request.shape.target and rows.table == request.shape.target.table
        ]
        if request.accesses.generates:
            written += [rows for rows in self._session.written.writes if rows.table in request.accesses.generates][-1:]
        told = False
        for table, row, subject in self._named(written):
            own = _row(self._session.raw, table, row) or {}
            committed = self._committed(table, row) or {}
            wanted = [name for name in request.shape.assigned if name in own] or list(_notable(_plain(own, table)))
            shown = {name: own[name] for name in wanted}
            text = " ".join([f"{request.verb} {subject}", _assignments(shown), f"({suffix})"]).replace("  ", " ")
            self._note(
                text,
                effect,
                subject,
                committed={name: committed[name] for name in wanted if name in committed},
                uncommitted=shown if is_open else {},
            )
            told = True
        if not told:
            columns = ", ".join(request.shape.assigned)
            target = request.shape.target.table if request.shape.target else "?"
            self._note(
                " ".join(part for part in (str(request.verb), target, columns, f"({suffix})") if part), effect, target
            )

    def _end(self) -> None:
        commits = self._request.verb is Verb.COMMIT
        word, effect = ("COMMIT", "commit") if commits else ("ROLLBACK", "rollback")
        told = False
        for table, row, subject in self._named(self._ending):
            after = self._committed(table, row)
            before = self._before.get(subject)
            told = True
            if not commits:
                self._note(f"{word} {subject}", effect, subject, committed=_plain(after or {}, table))
            elif after is None:
                self._note(f"{word} {subject} deleted", effect, subject)
            else:
                changed = {name: value for name, value in after.items() if before and before.get(name) != value}
                shown = changed if before else _notable(_plain(after, table))
                self._note(f"{word} {subject} {_assignments(shown)}".strip(), effect, subject, committed=shown)
        for rows in self._ending:
            if rows.rows is None:
                self._note(f"{word} {rows.table}", effect, rows.table)
                told = True
        if not told:
            self._note(word, effect, None)

    # -- values ----------------------------------------------------------------------------------------------------

    def _again(self) -> tuple[list[str], list[Any]]:
        """Ask the same question on the same connection, without touching the cursor that the program reads from."""
        assert self._session.raw is not None
        cursor = self._session.raw.cursor()
        cursor.row_factory = None
        parameters = self._request.parameters
        cursor.execute(self._request.sql, parameters)
        names = [str(column[0]).lower() for column in cursor.description or ()]
        return names, cursor.fetchall()

    def _only_subject(self) -> str | None:
        subjects = [subject for rows in self._request.accesses.reads for subject in rows.subjects]
        return subjects[0] if len(subjects) == 1 else None

    def _committed(self, table: Table, row: str) -> Values | None:
        found = self._database.read(*_query(table, row))
        return {name.lower(): _text(value) for name, value in found[0].items()} if found else None

    def _named(self, sets: Iterable[RowSet]) -> list[tuple[Table, str, str]]:
        """Return table, row and name of the rows that are known one by one."""
        return [
            (table, row, f"{table.name}#{row}")
            for rows in sets
            if (table := self._database.catalog.tables.get(rows.table)) is not None
            for row in (rows.rows or ())[:_MOST_ROWS]
        ]


def _query(table: Table, row: str) -> tuple[str, list[str]]:
    condition = " AND ".join(f'"{column}" = ?' for column in table.key)
    return f'SELECT * FROM "{table.name}" WHERE {condition}', row.split(",", len(table.key) - 1)


def _row(connection: Any, table: Table, row: str) -> Values | None:
    if connection is None:
        return None
    cursor = connection.cursor()
    cursor.row_factory = None
    found = cursor.execute(*_query(table, row)).fetchall()
    if not found:
        return None
    return {str(column[0]).lower(): _text(value) for column, value in zip(cursor.description, found[0], strict=True)}


def _text(value: Any) -> str:
    return "NULL" if value is None else str(value)


def _plain(values: Mapping[str, str], table: Table) -> Values:
    return {name: value for name, value in values.items() if name not in table.key}


def _notable(values: Mapping[str, str]) -> Values:
    """Return the columns that tell a story: states and gaps, not numbers, dates and identifiers."""
    chosen = {name: value for name, value in values.items() if value.replace("_", "").isalpha() and value.isupper()}
    return chosen or dict(list(values.items())[:_FEW_COLUMNS])


def _assignments(values: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())


def _count(rows: list[Any]) -> str:
    return "1 row" if len(rows) == 1 else f"{len(rows)} rows"
