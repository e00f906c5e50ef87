"""Load the catalog of a real SQLite database."""

from __future__ import annotations

import sqlite3
from typing import Any

from simharness.database.catalog import Catalog, ForeignKey, Table, UniqueIndex

_PASSIVE = frozenset({"NO ACTION", "RESTRICT"})


def load_catalog(connection: sqlite3.Connection) -> Catalog:
    """Return the tables of ``connection``'s main database; views are left out, so they count as unknown."""
    cursor = connection.cursor()
    cursor.row_factory = None
    rows = cursor.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
    triggered = {str(table).lower() for kind, _, table, _ in rows if kind == "trigger"}
    tables = [
        (str(name), str(sql)) for kind, name, _, sql in rows if kind == "table" and not str(name).startswith("sqlite_")
    ]
    return Catalog({name.lower(): _table(cursor, name, sql, name.lower() in triggered) for name, sql in tables})


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _pragma(cursor: sqlite3.Cursor, what: str, name: str) -> list[Any]:
    return cursor.execute(f"PRAGMA {what}({_quoted(name)})").fetchall()


def _table(cursor: sqlite3.Cursor, name: str, sql: str, triggers: bool) -> Table:
    columns = _pragma(cursor, "table_xinfo", name)
    key = [(at, str(column).lower(), str(kind)) for _, column, kind, _, _, at, _ in columns if at]
    key.sort()
    indexes = _pragma(cursor, "index_list", name)
    has_key_index = any(origin == "pk" for _, _, _, origin, _ in indexes)
    # A single INTEGER key without an index of its own is the rowid: the database makes it up.
    generated = key[0][1] if len(key) == 1 and not has_key_index and key[0][2].upper() == "INTEGER" else None
    keyed = all(_columns(cursor, index) for _, index, _, origin, _ in indexes if origin == "pk")
    own = tuple(column for _, column, _ in key) if keyed else ()
    exact = _exact(columns, sql)
    return Table(
        name=name.lower(),
        columns=tuple(str(column).lower() for _, column, _, _, _, _, _ in columns),
        key=own,
        generated=generated,
        unique=tuple(
            UniqueIndex(str(index).lower(), () if partial else _columns(cursor, index))
            for _, index, unique, origin, partial in sorted(indexes, key=lambda row: str(row[1]))
            if unique and origin != "pk"
        ),
        foreign_keys=_foreign_keys(cursor, name),
        triggers=triggers,
        arrival_order=generated is None and _has_hidden_rowid(cursor, name),
        comparable=exact if own and set(own) <= set(exact) else (),
        relation=_quoted(name),
    )


def _exact(columns: list[Any], sql: str) -> tuple[str, ...]:
    """Return the columns with the affinity of text or of integers, unless one may compare other than byte by byte.

    What else they hold (reals, bytes) has another text, or none; see https://www.sqlite.org/datatype3.html.
    """
    if "collate" in sql.lower():
        return ()
    return tuple(
        str(column).lower()
        for _, column, kind, _, _, _, _ in columns
        if any(word in str(kind).upper() for word in ("INT", "CHAR", "CLOB", "TEXT"))
    )


def _has_hidden_rowid(cursor: sqlite3.Cursor, name: str) -> bool:
    try:
        found = cursor.execute(
            "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", (name,)
        ).fetchone()
    except sqlite3.OperationalError:  # before SQLite 3.37: the safe answer
        return True
    return not (found and found[0])


def _columns(cursor: sqlite3.Cursor, index: str) -> tuple[str, ...]:
    """Return the columns of an index, or none if it is over an expression or compares other than byte by byte."""
    parts = [(column, collation) for _, _, column, _, collation, key in _pragma(cursor, "index_xinfo", index) if key]
    if any(column is None or str(collation).upper() != "BINARY" for column, collation in parts):
        return ()
    return tuple(str(column).lower() for column, _ in parts)


def _foreign_keys(cursor: sqlite3.Cursor, name: str) -> tuple[ForeignKey, ...]:
    groups: dict[int, list[Any]] = {}
    for row in _pragma(cursor, "foreign_key_list", name):
        groups.setdefault(int(row[0]), []).append(row)
    found = []
    for _, rows in sorted(groups.items()):
        rows.sort(key=lambda row: int(row[1]))
        parent = str(rows[0][2])
        targets = [row[4] for row in rows]
        if None in targets:
            keys = sorted((row[5], str(row[1])) for row in _pragma(cursor, "table_xinfo", parent) if row[5])
            targets = [column for _, column in keys]
        found.append(
            ForeignKey(
                tuple(str(row[3]).lower() for row in rows),
                parent.lower(),
                tuple(str(column).lower() for column in targets),
                passive=rows[0][5] in _PASSIVE and rows[0][6] in _PASSIVE,
            )
        )
    return tuple(found)
