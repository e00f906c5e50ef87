"""From a SQL statement to the rows that it touches.

A row is named when equality or an IN list pins the *whole* primary key; anything less is the whole table, and what
is not understood is everything. Both rules only ever make a footprint larger, so the reduction stays sound.

Two worlds of rows (see docs on isolation): ``visible`` is what is committed and others can read; ``lock`` is who may
write it. A database seam decides at which event each of them is touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from itertools import product
from typing import Any
from uuid import UUID

from simharness.database.catalog import Catalog, Table
from simharness.database.shape import Bound, Constant, Filter, StatementShape, Verb

Parameters = Sequence[Any] | Mapping[str, Any]

# More rows than this in one statement are recorded as the whole table.
MANY_ROWS = 64


@dataclass(frozen=True, slots=True, order=True)
class RowSet:
    """Rows of one table, by the text of their keys; ``rows`` is None for any row."""

    table: str
    rows: tuple[str, ...] | None = None

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names for timelines: ``orders#1``, or ``orders`` for the whole table."""
        return (self.table,) if self.rows is None else tuple(f"{self.table}#{row}" for row in self.rows)


@dataclass(frozen=True, slots=True, order=True)
class UniqueKey:
    """A key of a unique index; ``key`` is None for any key of it."""

    table: str
    index: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Accesses:
    """What one execution of a statement touches.

    Args:
        reads: rows whose committed value decides its result.
        writes: rows that it changes.
        unique: unique keys that it takes or frees.
        parents: rows that must be there because something refers to them.
        rekeyed: rows that come, go, or change a column that others may refer to.
        generates: tables for which it lets the database make up the key (their name is only known afterwards).
        everything: it may touch anything in this database.
    """

    reads: tuple[RowSet, ...] = ()
    writes: tuple[RowSet, ...] = ()
    unique: tuple[UniqueKey, ...] = ()
    generates: tuple[str, ...] = ()
    everything: bool = False
    parents: tuple[RowSet, ...] = ()
    rekeyed: tuple[RowSet, ...] = ()

    def __or__(self, other: Accesses) -> Accesses:
        """Return the accesses of both."""
        return Accesses(
            _union(self.reads, other.reads),
            _union(self.writes, other.writes),
            _union(self.unique, other.unique),
            _union(self.generates, other.generates),
            self.everything or other.everything,
            _union(self.parents, other.parents),
            _union(self.rekeyed, other.rekeyed),
        )


NOTHING = Accesses()
EVERYTHING = Accesses(everything=True)


def _union(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    return a if not b or a == b else tuple(dict.fromkeys(a + b))


def bind(shape: StatementShape, parameters: Parameters, catalog: Catalog) -> Accesses:
    """Return what ``shape`` touches when it runs with ``parameters`` on the database of ``catalog``."""
    if shape.unknown:
        return EVERYTHING
    reads: list[RowSet] = []
    for access in shape.reads:
        table = catalog.tables.get(access.table)
        if table is None and access.table in shape.ctes:
            continue
        if table is None:
            return EVERYTHING
        reads.append(RowSet(table.name, _pinned_rows(table, access.pinned, parameters)))
    if shape.target is None:
        return Accesses(tuple(dict.fromkeys(reads)))
    table = catalog.tables.get(shape.target.table)
    if table is None or table.triggers:
        return EVERYTHING
    write = _insert if shape.verb is Verb.INSERT else _change
    written = write(shape, table, parameters)
    if shape.verb is not Verb.UPDATE or _moves(shape, table):
        written = replace(written, rekeyed=written.writes)
    return Accesses(tuple(dict.fromkeys(reads))) | written | _references(shape, table, parameters, catalog)


def _moves(shape: StatementShape, table: Table) -> bool:
    """Return whether an UPDATE may change what a foreign key can refer to."""
    assigned = set(shape.assigned)
    keys = [table.key, *(index.columns for index in table.unique)]
    return not assigned or any(not columns or assigned & set(columns) for columns in keys)


def bind_many(shape: StatementShape, parameter_sets: Sequence[Parameters], catalog: Catalog) -> Accesses:
    """Return what an ``executemany`` touches."""
    total = NOTHING
    for parameters in parameter_sets:
        total = total | bind(shape, parameters, catalog)
    return total


def bound_value(bound: Bound | None, parameters: Parameters) -> tuple[bool, Any]:
    """Return whether a value is known, and the value."""
    if bound is None:
        return False, None
    if isinstance(bound, Constant):
        return True, bound.value
    try:
        return True, parameters[bound.key]  # type: ignore[index]  # a position or a name, by the style
    except (IndexError, KeyError, TypeError):
        return False, None


def key_text(value: Any) -> str | None:
    """Return the one text of a key value, or None where equal values could have different texts."""
    match value:
        case bool() | int():
            return str(int(value))
        case float() | Decimal():
            return str(int(value)) if value % 1 == 0 else None
        case UUID():
            return str(value)
        case bytes():
            return f"x{value.hex()}"
        case str():
            return value if _one_text(value) else None
    return None


@lru_cache(maxsize=4096)
def _one_text(value: str) -> bool:
    """Whether no other text names the same number: an integer column takes '1', ' 1', '01', '1.0' and '0x1' for 1."""
    for spelling in (float, _literal):
        try:
            spelling(value)
        except ValueError:
            continue
        return str(int(value)) == value if value.lstrip("-").isdecimal() else False
    return True


def _literal(text: str) -> int:
    """Read an integer with a prefix, as PostgreSQL does since version 16."""
    return int(text, 0)


def _pinned_rows(table: Table, pinned: Filter, parameters: Parameters) -> tuple[str, ...] | None:
    if not table.key or any(column not in pinned for column in table.key):
        return None
    choices: list[list[str]] = []
    for column in table.key:
        texts: list[str] = []
        for bound in pinned[column]:
            known, value = bound_value(bound, parameters)
            if known and value is None:
                continue  # Equality with NULL matches no row.
            text = key_text(value) if known else None
            if text is None:
                return None
            texts.append(text)
        choices.append(texts)
    rows = tuple(dict.fromkeys(",".join(parts) for parts in product(*choices)))
    return rows if len(rows) <= MANY_ROWS else None


def _row_values(shape: StatementShape, table: Table) -> list[dict[str, Bound | None]]:
    """Return INSERT's rows by column name, also where the statement names no columns."""
    names = {f"#{at}": column for at, column in enumerate(table.columns)}
    return [{names.get(label, label): value for label, value in row.items()} for row in shape.rows]


def _insert(shape: StatementShape, table: Table, parameters: Parameters) -> Accesses:
    # A row that stands in the way may be found through any unique index, not only through the key.
    widened = shape.replaces and (bool(table.unique) or bool(set(shape.assigned) & set(table.key)))
    rows: list[str] = []
    generates = False
    if shape.from_query or widened or not table.key or len(shape.rows) > MANY_ROWS:
        return _unknown_rows(table)
    unique: list[UniqueKey] = []
    for values in _row_values(shape, table):
        row = _key_of(values, table.key, parameters)
        # A bound key that is not NULL is a row; a key left to the database is learned after the fact.
        left_out = table.generated is not None and _missing(values, table.generated, parameters)
        if row is None and not (left_out and len(shape.rows) == 1):
            return _unknown_rows(table)
        if row is None:
            generates = True
        else:
            rows.append(row)
        for index in table.unique:
            key = _key_of(values, index.columns, parameters) if index.columns else None
            unique.append(UniqueKey(table.name, index.name, key))
    written = (RowSet(table.name, tuple(rows)),) if rows else ()
    # The next key, where it is the highest plus one, and the place of the next row depend on which rows exist.
    reads = (RowSet(table.name),) if (generates and not table.sequenced) or table.arrival_order else written
    return Accesses(reads, written, tuple(unique), (table.name,) if generates else ())


def _unknown_rows(table: Table) -> Accesses:
    whole = RowSet(table.name)
    unique = tuple(UniqueKey(table.name, index.name) for index in table.unique)
    # The rows may draw their keys from the sequence.
    return Accesses((whole,), (whole,), unique, (table.name,) if table.sequenced and table.generated else ())


def _missing(values: Mapping[str, Bound | None], column: str, parameters: Parameters) -> bool:
    if column not in values:
        return True
    known, value = bound_value(values[column], parameters)
    return known and value is None


def _key_of(values: Mapping[str, Bound | None], columns: Sequence[str], parameters: Parameters) -> str | None:
    parts: list[str] = []
    for column in columns:
        known, value = bound_value(values.get(column), parameters)
        text = key_text(value) if known else None
        if text is None:
            return None
        parts.append(text)
    return ",".join(parts)


def _change(shape: StatementShape, table: Table, parameters: Parameters) -> Accesses:
    """UPDATE and DELETE."""
    assert shape.target is not None
    rows = _pinned_rows(table, shape.target.pinned, parameters)
    if shape.verb is Verb.DELETE:
        freed = table.unique
    else:
        assigned = set(shape.assigned)
        if not assigned or assigned & set(table.key):
            rows = None  # The row moves to another key.
        freed = tuple(index for index in table.unique if not index.columns or assigned & set(index.columns))
    # The old key is not in the text, so any key of the index may be freed.
    return Accesses((), (RowSet(table.name, rows),), tuple(UniqueKey(table.name, index.name) for index in freed))


def _references(shape: StatementShape, table: Table, parameters: Parameters, catalog: Catalog) -> Accesses:
    """Follow foreign keys: children look up their parents, parents look after their children."""
    found = NOTHING
    assigned = set(shape.assigned)
    if shape.verb is not Verb.DELETE:
        for reference in table.foreign_keys:
            if shape.verb is Verb.UPDATE and assigned and not assigned & set(reference.columns):
                continue
            parent = catalog.tables.get(reference.parent)
            if parent is None:
                return EVERYTHING
            rows = _parents(shape, table, reference, parent, parameters)
            found = found | Accesses(parents=(RowSet(parent.name, rows),))
    rekeys = shape.verb is Verb.UPDATE and _rekeys(table, assigned, catalog)
    if shape.verb is Verb.DELETE or shape.replaces or rekeys:
        found = found | _descendants(table.name, catalog, frozenset())
    return found


def _parents(shape: StatementShape, table: Table, reference: Any, parent: Table, parameters: Parameters) -> Any:
    if shape.verb is not Verb.INSERT or shape.from_query or reference.parent_columns != parent.key:
        return None
    rows: list[str] = []
    for values in _row_values(shape, table):
        if any(_missing(values, column, parameters) for column in reference.columns):
            continue  # A NULL refers to nothing.
        row = _key_of(values, reference.columns, parameters)
        if row is None:
            return None
        rows.append(row)
    return tuple(dict.fromkeys(rows))


def _rekeys(table: Table, assigned: set[str], catalog: Catalog) -> bool:
    if not assigned:
        return True
    return any(assigned & set(reference.parent_columns) for _, reference in catalog.children(table.name))


def _descendants(parent: str, catalog: Catalog, seen: frozenset[str]) -> Accesses:
    found = NOTHING
    for child, reference in catalog.children(parent):
        whole = RowSet(child.name)
        if reference.passive:
            found = found | Accesses((whole,))
        elif child.triggers:
            return EVERYTHING
        else:
            indexes = tuple(UniqueKey(child.name, index.name) for index in child.unique)
            found = found | Accesses((whole,), (whole,), indexes, rekeyed=(whole,))
            if child.name not in seen:
                found = found | _descendants(child.name, catalog, seen | {child.name})
    return found
