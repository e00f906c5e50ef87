"""The real catalog of a PostgreSQL database, in the form that footprints need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from simharness.database.catalog import Catalog, ForeignKey, Table, UniqueIndex
from simharness.database.postgresql.backend import Backend

# Of these types, equal values have one text; of others (numeric, citext, char(n)) a key names no row.
_NAMED_BY_TEXT = frozenset({"smallint", "integer", "bigint", "text", "character varying", "uuid", "boolean"})
# And of these, whichever way a client spells them.
_COMPARED_BY_TEXT = _NAMED_BY_TEXT - {"uuid", "boolean"}
_TIME = r"now\(\)|current_|localtime|_timestamp\(\)|timeofday"

_TABLES = """
SELECT json_build_object(
  'name', c.relname, 'oid', c.oid::int8, 'relation', format('%I.%I', n.nspname, c.relname),
  'triggers', c.relhastriggers AND EXISTS
    (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) OR c.relhasrules,
  -- Reading one of these reads other tables: it stays unknown.
  'opaque', c.relkind <> 'r' OR c.relhassubclass OR c.relispartition OR c.relrowsecurity,
  'columns', (SELECT coalesce(json_agg(json_build_object('number', a.attnum, 'name', a.attname,
      'type', format_type(a.atttypid, NULL), 'exact', coalesce(l.collisdeterministic, true),
      'generated', a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid), '') ~ '^nextval',
      'timed', coalesce(pg_get_expr(d.adbin, d.adrelid), '') ~* '{time}') ORDER BY a.attnum), '[]')
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'indexes', (SELECT coalesce(json_agg(json_build_object('name', r.relname, 'primary', i.indisprimary,
      'plain', i.indpred IS NULL AND i.indexprs IS NULL AND NOT i.indnullsnotdistinct,
      'columns', i.indkey::int2[]) ORDER BY r.relname), '[]')
    FROM pg_index i JOIN pg_class r ON r.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion)),
  'references', (SELECT coalesce(json_agg(json_build_object('columns', k.conkey, 'parent', k.confrelid::int8,
      'parent_columns', k.confkey, 'passive', k.confdeltype IN ('a', 'r') AND k.confupdtype IN ('a', 'r'))
      ORDER BY k.conname), '[]')
    FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f')
) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'f', 'm') AND n.nspname !~ '^(pg_|information_schema|simharness)' ORDER BY c.relname
"""


@dataclass(frozen=True, slots=True)
class LoadedCatalog:
    """The tables, and where columns get their values from.

    Args:
        catalog: the tables.
        timed: tables with a column that the clock fills.
        counted: tables with a column besides a single key that a sequence fills.
    """

    catalog: Catalog
    timed: frozenset[str]
    counted: frozenset[str]


def load(backend: Backend) -> LoadedCatalog:
    """Read the catalog of the database that ``backend`` is connected to."""
    rows = [json.loads(row[0] or "{}") for row in backend.query(_TABLES.format(time=_TIME))]
    columns = {row["oid"]: {c["number"]: c for c in row["columns"]} for row in rows}
    names = {row["oid"]: str(row["name"]).lower() for row in rows}
    tables = [_table(row, columns, names) for row in rows if not row["opaque"]]
    known = {table.name: table for table in tables}
    # Two schemas with a table of one name: the text of a statement does not say which is meant.
    for name in {table.name for table in tables if [t.name for t in tables].count(table.name) > 1}:
        del known[name]
    timed = {names[row["oid"]] for row in rows if row["triggers"] or any(c["timed"] for c in row["columns"])}
    counted = {
        table.name for row in rows for table in tables if table.name == names[row["oid"]] and _counts(row, table)
    }
    return LoadedCatalog(Catalog(known), frozenset(timed), frozenset(counted))


def _counts(row: dict[str, Any], table: Table) -> bool:
    return any(c["generated"] and c["name"].lower() != table.generated for c in row["columns"])


def _table(row: dict[str, Any], columns: dict[int, dict[int, Any]], names: dict[int, str]) -> Table:
    own = columns[row["oid"]]
    key: tuple[str, ...] = ()
    unique = []
    for index in row["indexes"]:
        plain = index["plain"] and all(number in own and _named_by_text(own[number]) for number in index["columns"])
        named = _names(own, index["columns"]) if plain else ()
        if index["primary"]:
            key = named
            # A key that names no row still is taken and freed by inserts and deletes.
            unique += [] if named else [UniqueIndex(index["name"], ())]
        else:
            unique.append(UniqueIndex(index["name"], named))
    generated = [c["name"].lower() for c in own.values() if c["generated"] and c["name"].lower() in key]
    return Table(
        names[row["oid"]],
        tuple(c["name"].lower() for c in own.values()),
        key,
        generated[0] if len(generated) == 1 and len(key) == 1 else None,
        tuple(unique),
        tuple(_reference(own, r, columns, names) for r in row["references"]),
        triggers=bool(row["triggers"]),
        sequenced=True,
        comparable=_comparable(own, key),
        relation=row["relation"],
    )


def _named_by_text(column: dict[str, Any]) -> bool:
    return column["type"] in _NAMED_BY_TEXT and column["exact"]


def _comparable(own: dict[int, Any], key: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that queries of ours can compare; names are kept in lower case, so they must be."""
    plain = {c["name"]: c for c in own.values() if c["name"] == c["name"].lower()}
    if not key or not set(key) <= set(plain):
        return ()
    return tuple(name for name, c in plain.items() if c["exact"] and c["type"] in _COMPARED_BY_TEXT)


def _names(columns: dict[int, Any], numbers: list[int]) -> tuple[str, ...]:
    return tuple(columns[number]["name"].lower() for number in numbers)


def _reference(
    own: dict[int, Any], row: dict[str, Any], columns: dict[int, dict[int, Any]], names: dict[int, str]
) -> ForeignKey:
    parent = row["parent"]
    return ForeignKey(
        _names(own, row["columns"]),
        names.get(parent, ""),
        _names(columns[parent], row["parent_columns"]) if parent in columns else (),
        row["passive"],
    )
