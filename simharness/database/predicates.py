"""What a SELECT by another column than the key depends on: the rows that match, and who else may come to match.

``SELECT … FROM orders WHERE exchange_order_id = 'o-1'`` reads the committed rows that match, one by one, and the
*value* 'o-1' of that column. A step that publishes rows adds to the old and to the new value of every column that
changed in them; a row that comes or goes changes from or to nothing. Adds commute among themselves: two inserts of one
value meet only where both are read.

Why that is enough: let a SELECT that found the rows R by the value v, and a publication of the rows W, be neighbours
without a conflict. Then R and W are disjoint, and v is neither an old nor a new value in W. A row outside of W is the
same before and after the publication. A row of W that has v on one side only would have published v; one that has v on
both sides would be in R. So the SELECT finds R, with the same contents, in either order. The old values are published
for the order in which the SELECT comes second: the row that left is not in R. They are the same in either order too,
since whoever else publishes a row of W conflicts over the row.

This holds only where equality is equality of texts and where nothing but matching rows is looked at. Therefore:

* the column's type and collation compare by text, and the value has one text (``Table.comparable``, ``key_text``); a
  published value that has none, such as '1.50', counts as any value of its column;
* the statement is a SELECT that locks nothing, mentions one table once and has a condition that only compares: a
  function or an arithmetic error may strike at a row that does not match;
* it sees what is committed now. What its own transaction has not committed is nobody else's to change. Under a snapshot
  no read is recorded at all; where a seam cannot tell what was visible, it does not ask;
* which rows match, and what they held before and after, is asked of the database itself, within the same event.

In every other case the whole table is read or written, as without any of this. A write of unknown rows always is one,
and meets every such SELECT.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from simharness.core.footprint import recorder
from simharness.database.catalog import Catalog, Table
from simharness.database.footprints import MANY_ROWS, Accesses, Parameters, RowSet, bound_value, key_text
from simharness.database.keys import DatabaseKeys, record
from simharness.database.shape import Bound, StatementShape, Verb

# From the text of a query of ours to its rows as committed now, by column; None where the database will not tell.
Ask = Callable[[str], list[dict[str, Any]] | None]
# Table, row, and the values of its comparable columns; None for a row that is not there.
Contents = dict[str, dict[str, tuple[Any, ...] | None]]
# The text of a key that is bytes, or of one that looks like it (see ``key_text``).
_MAYBE_BYTES = re.compile(r"x(?:[0-9a-f]{2})*")


@dataclass(frozen=True, slots=True)
class Lookup:
    """A SELECT of the rows that have one of some values in one column.

    Args:
        table: the table.
        column: the column; of several that a statement pins, the one that the catalog makes the narrowest.
        values: the texts of the values; NULL is none, since nothing is equal to it.
    """

    table: Table
    column: str
    values: tuple[str, ...]


def lookup(shape: StatementShape, parameters: Parameters, accesses: Accesses, catalog: Catalog) -> Lookup | None:
    """Return how a statement finds its rows, or None where it must count as reading what ``accesses`` says."""
    if shape.verb is not Verb.SELECT or shape.locking or shape.unknown or shape.ctes or len(shape.reads) != 1:
        return None
    mention = shape.reads[0]
    table = catalog.tables.get(mention.table)
    if table is None or not mention.plain or accesses.reads != (RowSet(table.name),):
        return None
    for column in _by_width(table):
        values = _texts(mention.pinned[column], parameters) if column in mention.pinned else None
        if values is not None:
            return Lookup(table, column, values)
    return None


def _by_width(table: Table) -> list[str]:
    """Return the comparable columns, those with few rows for each value first; a matter of the catalog alone."""
    unique = {index.columns[0] for index in table.unique if len(index.columns) == 1}
    referring = {column for reference in table.foreign_keys for column in reference.columns}
    return sorted(table.comparable, key=lambda column: (column not in unique, column not in referring))


def _texts(bounds: Sequence[Bound], parameters: Parameters) -> tuple[str, ...] | None:
    texts = []
    for bound in bounds:
        known, value = bound_value(bound, parameters)
        if known and value is None:
            continue  # Equality with NULL matches no row.
        # Not their subclasses: a driver may have been told to spell them in another way.
        text = key_text(value) if known and type(value) in {int, str} else None
        if text is None or not text.isprintable():
            return None
        texts.append(text)
    return tuple(dict.fromkeys(texts))


class Predicates:
    """Records lookups, and the values that publications change.

    Args:
        keys: the keys of the database.
        ask: asks it.
    """

    def __init__(self, keys: DatabaseKeys, ask: Ask) -> None:
        self._keys = keys
        self._ask = ask

    def record_reads(self, accesses: Accesses, by: Lookup | None) -> None:
        """Record what a SELECT reads.

        Args:
            accesses: what it reads as far as its text tells.
            by: how it finds its rows; None where that is not known exactly.
        """
        rows = self._matching(by) if by is not None and recorder.active else None
        if by is None or rows is None:
            self._keys.record_reads(accesses)
            return
        for text in (*by.values, None):
            recorder.read(self._keys.value(by.table.name, by.column, text))
        visible = self._keys.visible(by.table.name)
        visible.read_some()
        for row in rows:
            visible.read_row(row)

    def contents(self, written: Iterable[RowSet], catalog: Catalog) -> Contents:
        """Return what rows hold now; to be called before they are published."""
        found: Contents = {}
        for rows in written if recorder.active else ():
            table = catalog.tables.get(rows.table)
            if table is None or rows.rows is None or not table.comparable:
                continue
            held = self._held(table, rows.rows)
            if held is not None:
                found.setdefault(table.name, {}).update(held)
        return found

    def record_published(self, written: Iterable[RowSet], before: Contents, catalog: Catalog) -> None:
        """Record which values the publication of some rows has changed.

        Args:
            written: the rows, published a moment ago.
            before: what ``contents`` said of them before; a row that it does not know may have held anything.
            catalog: the tables.
        """
        for rows in written if recorder.active else ():
            table = catalog.tables.get(rows.table)
            if rows.rows is None or (table is not None and not table.comparable):
                continue
            changed = None if table is None else self._changed(table, rows.rows, before.get(rows.table, {}))
            if changed is None:
                record(self._keys.visible(rows.table), None, write=True)
                continue
            for column, text in changed:
                recorder.add(self._keys.value(rows.table, column, text))

    def _changed(
        self, table: Table, rows: tuple[str, ...], before: dict[str, tuple[Any, ...] | None]
    ) -> list[tuple[str, str | None]] | None:
        after = self._held(table, rows)
        if after is None or any(row not in before for row in rows):
            return None
        changed: list[tuple[str, str | None]] = []
        nothing = (None,) * len(table.comparable)
        for row in rows:
            for column, old, new in zip(table.comparable, before[row] or nothing, after[row] or nothing, strict=True):
                if type(old) is type(new) and old == new:
                    continue
                # NULL is no value: nothing is equal to it. One without a text may be equal to any.
                changed += [(column, key_text(value)) for value in (old, new) if value is not None]
        return changed

    # -- queries of our own

    def _matching(self, by: Lookup) -> tuple[str, ...] | None:
        if not by.values:
            return ()
        condition = f"{_quoted(by.column)} IN ({', '.join(map(_literal, by.values))})"
        found = self._ask(_select(by.table, by.table.key, f"{condition} LIMIT {MANY_ROWS + 1}"))
        if found is None or len(found) > MANY_ROWS:
            return None
        rows = [_row_text(tuple(row.values())) for row in found]
        return tuple(row for row in rows if row is not None) if None not in rows else None

    def _held(self, table: Table, rows: tuple[str, ...]) -> dict[str, tuple[Any, ...] | None] | None:
        """Return the values of the comparable columns of some rows; None where a row cannot be asked for."""
        named = [_named(table, row) for row in rows]
        conditions = [condition for condition in named if condition is not None]
        if len(conditions) < len(rows) or len(rows) > MANY_ROWS:
            return None
        found = self._ask(_select(table, table.key + table.comparable, " OR ".join(conditions)))
        if found is None:
            return None
        held: dict[str, tuple[Any, ...] | None] = dict.fromkeys(rows)
        width = len(table.key)
        for values in (tuple(row.values()) for row in found):
            row = _row_text(values[:width])
            if row not in held:
                return None
            held[row] = values[width:]
        return held


def _select(table: Table, columns: Iterable[str], condition: str) -> str:
    # Numbered: a key is comparable too, and would come back under the name that it already has.
    named = ", ".join(f"{_quoted(column)} AS c{at}" for at, column in enumerate(columns))
    return f"SELECT {named} FROM {table.relation} WHERE {condition}"


def _named(table: Table, row: str) -> str | None:
    """Return the condition that is true for one row alone, or None where the text of its key may mean two."""
    parts = row.split(",") if len(table.key) > 1 else [row]
    if len(parts) != len(table.key) or not row.isprintable() or any(map(_MAYBE_BYTES.fullmatch, parts)):
        return None
    return " AND ".join(f"{_quoted(column)} = {_literal(part)}" for column, part in zip(table.key, parts, strict=True))


def _row_text(values: tuple[Any, ...]) -> str | None:
    texts = [key_text(value) for value in values]
    return ",".join(text for text in texts if text is not None) if None not in texts else None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
