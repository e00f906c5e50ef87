"""Bringing the scratch database back to where it was before an execution.

Not by DELETE: freed places in a table would change the order of unordered SELECTs from one execution to the next.
"""

from __future__ import annotations

from collections.abc import Iterable

from simharness.database.postgresql.backend import Backend

_COPIES = "simharness_seed"

_USER_TABLES = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), lower(c.relname),
  quote_ident(n.nspname || '.' || c.relname),
  (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^(pg_|information_schema|simharness)' ORDER BY 1
"""
_USER_SEQUENCES = """
SELECT quote_literal(quote_ident(n.nspname) || '.' || quote_ident(c.relname)), s.last_value, s.start_value
FROM pg_sequences s JOIN pg_namespace n ON n.nspname = s.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.sequencename
WHERE n.nspname !~ '^(pg_|information_schema|simharness)' ORDER BY 1
"""
_REFERENCES = """
SELECT DISTINCT lower(c.relname), lower(p.relname) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_class p ON p.oid = k.confrelid WHERE k.contype = 'f'
"""


class Baseline:
    """The rows and sequences of the scratch database as they are now; refills tables from copies.

    Args:
        session: a session of our own; the copies are made through it.
    """

    def __init__(self, session: Backend) -> None:
        self.session = session
        session.query(f"DROP SCHEMA IF EXISTS {_COPIES} CASCADE; CREATE SCHEMA {_COPIES}")
        self._refills: dict[str, tuple[str, str]] = {}
        for table, plain, copy, columns in session.query(_USER_TABLES):
            session.query(f"CREATE TABLE {_COPIES}.{copy} AS TABLE {table}")
            refill = ""
            if session.query(f"SELECT 1 FROM {_COPIES}.{copy} LIMIT 1"):
                refill = (
                    f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE "
                    f"SELECT {columns} FROM {_COPIES}.{copy} ORDER BY ctid"
                )
            known = self._refills.get(str(plain))
            tables = f"{known[0]}, {table}" if known else str(table)
            self._refills[str(plain)] = (tables, "; ".join(filter(None, (known[1] if known else "", refill))))
        self._referring: dict[str, set[str]] = {}
        for child, parent in session.query(_REFERENCES):
            self._referring.setdefault(str(parent), set()).add(str(child))
        self._sequences = "; ".join(
            f"SELECT pg_catalog.setval({sequence}, {last or start}, {'true' if last else 'false'})"
            for sequence, last, start in session.query(_USER_SEQUENCES)
        )
        # Hints are set by the first reader: let that be us.
        session.query("VACUUM (FREEZE)")

    def refill(self, dirty: Iterable[str] | None) -> None:
        """Fill tables again, all of them when ``dirty`` is None; sequences start where they stood."""
        names = sorted(self._refills if dirty is None else self._with_children(dirty) & self._refills.keys())
        if not names:
            return
        tables = ", ".join(self._refills[name][0] for name in names)
        refills = [refill for name in names if (refill := self._refills[name][1])]
        # As a replica: no triggers, and no foreign keys to satisfy in an order of our own.
        script = ["SET session_replication_role = replica", f"TRUNCATE {tables} RESTART IDENTITY", *refills]
        if self._sequences:
            script.append(self._sequences)
        script.append("SET session_replication_role = origin")
        self.session.query("; ".join(script))

    def _with_children(self, tables: Iterable[str]) -> set[str]:
        """A table is truncated only together with those that refer to it."""
        found: set[str] = set()
        pending = set(tables)
        while pending:
            found |= pending
            pending = set().union(*(self._referring.get(table, set()) for table in sorted(pending))) - found
        return found
