"""What one SQL text of a client means to the bridge: whether it happens at once, ends a transaction, tells time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from simharness.database.shape import StatementShape, Verb, parse

_DIALECT = "postgres"
# Queries of drivers and of SQLAlchemy about types, versions and the catalog.
_INTROSPECTION = re.compile(
    r"\s*(?:SELECT|WITH)\b(?=.*\b(?:pg_catalog|pg_type|pg_class|pg_namespace|pg_attribute|pg_enum|pg_range"
    r"|information_schema|typeinfo)\b)(?!.*\b(?:pg_advisory|nextval|setval|pg_notify|pg_sleep|set_config)\b)",
    re.IGNORECASE | re.DOTALL,
)
# What asyncpg sends in a shape that sqlglot does not read.
_ASYNCPG_TYPES = re.compile(r"\s*WITH RECURSIVE typeinfo_tree\(", re.IGNORECASE)
_CATALOG_FUNCTION = re.compile(
    r"unknown function: (?:pg_(?!advisory|try_advisory|notify|sleep)\w+|format_type|generate_subscripts|to_reg\w+"
    r"|has_\w+_privilege|(?:obj|col)_description)"
)
_INSTANT = re.compile(r"\s*(?:RESET|DEALLOCATE|CLOSE)\b|\s*SELECT\s+(?:pg_catalog\.)?version\(\)", re.IGNORECASE)
_POOL_RESET = re.compile(r"\s*SELECT\s+pg_advisory_unlock_all\(\)\s*;|\s*DISCARD\s+ALL\s*;?\s*$", re.IGNORECASE)
# It runs the checks that were put off, which read other tables.
_CONSTRAINTS = re.compile(r"\s*SET\s+CONSTRAINTS\b", re.IGNORECASE)
_CURSOR = re.compile(r"\s*DECLARE\b.*?\bCURSOR\b.*?\bFOR\s+(.*)", re.IGNORECASE | re.DOTALL)
_FETCH = re.compile(r"\s*(?:FETCH|MOVE)\b", re.IGNORECASE)
_PARTIAL_ROLLBACK = re.compile(r"\s*ROLLBACK\s+(?:TRANSACTION\s+|WORK\s+)?TO\b", re.IGNORECASE)
_SNAPSHOT = re.compile(r"\b(?:REPEATABLE\s+READ|SERIALIZABLE)\b", re.IGNORECASE)
_SERIALIZABLE = re.compile(r"\bSERIALIZABLE\b", re.IGNORECASE)
_SESSION_DEFAULT = re.compile(r"SESSION\s+CHARACTERISTICS|default_transaction_isolation", re.IGNORECASE)
_LISTEN = re.compile(r"\s*LISTEN\b", re.IGNORECASE)
_ADVISORY = re.compile(r"\bpg_(?:try_)?advisory_lock", re.IGNORECASE)
_CLOCK = re.compile(
    r"\bcurrent_(?:timestamp|date|time)\b|\blocaltime(?:stamp)?\b|'(?:now|today|tomorrow|yesterday)'"
    r"|\b(?:now|timeofday|age|(?:clock|statement|transaction)_timestamp)\s*\(",
    re.IGNORECASE,
)
_LABEL_LENGTH = 70


@dataclass(frozen=True, slots=True)
class Statement:
    """One text, understood; a pure function of it.

    Args:
        sql: the client's text.
        shape: which tables it touches.
        instant: it may run at once, without an event.
        ends: COMMIT or ROLLBACK.
        partial_rollback: ROLLBACK TO a savepoint.
        isolates: it puts this transaction under a snapshot (REPEATABLE READ, SERIALIZABLE).
        serializes: that is SERIALIZABLE.
        isolates_session: it does so for later transactions too.
        fetches: it only continues a cursor, whose snapshot was taken when it was declared.
        listens: it asks for notifications.
        holds: it takes a lock that lives as long as the session.
        pool_reset: what a pool sends before it takes a connection back.
    """

    sql: str
    shape: StatementShape
    instant: bool = False
    ends: bool = False
    partial_rollback: bool = False
    isolates: bool = False
    serializes: bool = False
    isolates_session: bool = False
    fetches: bool = False
    listens: bool = False
    holds: bool = False
    pool_reset: bool = False

    @property
    def plain(self) -> bool:
        """Whether it looks at no table: BEGIN, SET, COMMIT and the like."""
        return self.ends or (self.instant and self.shape.verb is not Verb.SELECT)

    @property
    def tells_time(self) -> bool:
        """Whether the text asks for the time."""
        return bool(_CLOCK.search(self.sql))

    @property
    def label(self) -> str:
        """A short text for timelines and schedules."""
        return " ".join(self.sql.split())[:_LABEL_LENGTH] or "fetch"


CONTINUED = Statement("", StatementShape(Verb.SELECT), fetches=True)


@lru_cache(maxsize=4096)
def understand(sql: str) -> Statement:
    """Return what a text means."""
    if _POOL_RESET.match(sql):
        return Statement(sql, StatementShape(Verb.OTHER), pool_reset=True)
    if ";" in sql.rstrip("; \t\n"):
        # Perhaps inside a string; then the text is merely treated as worse than it is.
        unknown = parse(sql, _DIALECT) if not _leading_plain(sql) else StatementShape(Verb.OTHER, unknown="several")
        return Statement(
            sql,
            unknown,
            isolates=bool(_SNAPSHOT.search(sql)),
            serializes=bool(_SERIALIZABLE.search(sql)),
            isolates_session=True,
        )
    snapshot = bool(_SNAPSHOT.search(sql))
    partial = bool(_PARTIAL_ROLLBACK.match(sql))
    if _FETCH.match(sql):
        return Statement(sql, StatementShape(Verb.SELECT), fetches=True)
    cursor = _CURSOR.match(sql)
    shape = parse(cursor[1] if cursor else sql.rstrip("; \t\n"), _DIALECT)
    if cursor and shape.locking:
        # Its rows are locked when they are fetched, and a FETCH does not say which.
        shape = StatementShape(Verb.OTHER, unknown="a cursor that locks")
    if _CONSTRAINTS.match(sql):
        shape = StatementShape(Verb.OTHER, unknown="checks that were put off")
    setting = shape.verb in {Verb.BEGIN, Verb.SETTING} or (shape.verb is Verb.SAVEPOINT and not partial)
    introspection = _introspects(sql, shape)
    return Statement(
        sql,
        StatementShape(Verb.SELECT) if introspection else shape,
        instant=setting or introspection or bool(_INSTANT.match(sql)),
        ends=shape.verb in {Verb.COMMIT, Verb.ROLLBACK},
        partial_rollback=partial,
        isolates=snapshot,
        serializes=bool(_SERIALIZABLE.search(sql)),
        isolates_session=snapshot and bool(_SESSION_DEFAULT.search(sql)),
        listens=bool(_LISTEN.match(sql)),
        holds=bool(_ADVISORY.search(sql)),
    )


def _introspects(sql: str, shape: StatementShape) -> bool:
    """Return whether a text looks at the catalog and at nothing else."""
    if not _INTROSPECTION.match(sql) or _CLOCK.search(sql):
        return False
    if _ASYNCPG_TYPES.match(sql):
        return True
    if shape.verb is not Verb.SELECT or shape.locking:
        return False
    lowered = sql.lower()
    return (not shape.unknown or bool(_CATALOG_FUNCTION.fullmatch(shape.unknown))) and all(
        read.table.startswith("pg_") or f"information_schema.{read.table}" in lowered for read in shape.reads
    )


def _leading_plain(sql: str) -> bool:
    return parse(sql.split(";", 1)[0], _DIALECT).verb not in {Verb.SELECT, Verb.INSERT, Verb.UPDATE, Verb.DELETE}
