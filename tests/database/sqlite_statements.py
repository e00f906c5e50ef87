"""Statements of every kind on three small tables, for checks against the real database."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Statement = tuple[str, tuple[Any, ...]]

SCHEMA = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER DEFAULT 0);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent(id) ON DELETE CASCADE, n INTEGER);
CREATE TABLE pair (a TEXT, b INTEGER, n INTEGER, PRIMARY KEY (a, b));
INSERT INTO parent VALUES (1, 'a', 0), (2, 'b', 0);
INSERT INTO child VALUES (1, 1, 0), (2, 2, 0);
INSERT INTO pair VALUES ('x', 1, 0), ('x', 2, 0);
"""
ROW = st.integers(1, 4)
NAME = st.sampled_from(["a", "b", "c", None])
STATEMENTS = st.one_of(
    st.tuples(st.just("SELECT * FROM parent WHERE id = ?"), st.tuples(ROW)),
    st.tuples(st.just("SELECT count(*) FROM child"), st.tuples()),
    st.tuples(st.just("SELECT * FROM child c JOIN parent p ON p.id = c.parent_id WHERE c.id = ?"), st.tuples(ROW)),
    st.tuples(st.just("SELECT n FROM pair WHERE b = ? AND a = 'x'"), st.tuples(ROW)),
    st.tuples(st.just("SELECT sum(n) FROM pair WHERE b = ?"), st.tuples(ROW)),
    st.tuples(st.just("SELECT * FROM child WHERE parent_id = ? ORDER BY id"), st.tuples(ROW)),
    st.tuples(st.just("SELECT id FROM parent WHERE name = ? AND n < 3"), st.tuples(NAME)),
    st.tuples(st.just("UPDATE parent SET n = n + 1 WHERE id = ?"), st.tuples(ROW)),
    st.tuples(st.just("UPDATE parent SET n = n * 2 WHERE id IN (?, ?)"), st.tuples(ROW, ROW)),
    st.tuples(st.just("UPDATE parent SET name = ? WHERE id = ?"), st.tuples(NAME, ROW)),
    st.tuples(st.just("UPDATE parent SET id = ? WHERE id = ?"), st.tuples(ROW, ROW)),
    st.tuples(st.just("UPDATE child SET n = (SELECT n FROM parent WHERE id = ?) WHERE id = ?"), st.tuples(ROW, ROW)),
    st.tuples(st.just("UPDATE child SET parent_id = ? WHERE id = ?"), st.tuples(ROW, ROW)),
    st.tuples(st.just("INSERT INTO parent (id, name) VALUES (?, ?)"), st.tuples(ROW, NAME)),
    st.tuples(st.just("INSERT INTO parent (name) VALUES (?)"), st.tuples(NAME)),
    st.tuples(st.just("INSERT INTO child (parent_id, n) VALUES (?, 5)"), st.tuples(ROW)),
    st.tuples(st.just("INSERT INTO child (id, parent_id) VALUES (?, ?)"), st.tuples(ROW, ROW)),
    st.tuples(st.just("INSERT OR REPLACE INTO parent (id, name) VALUES (?, ?)"), st.tuples(ROW, NAME)),
    st.tuples(
        st.just("INSERT INTO pair VALUES ('x', ?, 1) ON CONFLICT (a, b) DO UPDATE SET n = n + 3"), st.tuples(ROW)
    ),
    st.tuples(st.just("INSERT INTO child (n) SELECT n FROM pair WHERE a = 'x' AND b = ?"), st.tuples(ROW)),
    st.tuples(st.just("DELETE FROM parent WHERE id = ?"), st.tuples(ROW)),
    st.tuples(st.just("DELETE FROM child WHERE n = ?"), st.tuples(ROW)),
    st.tuples(st.just("DELETE FROM pair WHERE a = ? AND b = ?"), st.tuples(st.sampled_from(["x", "y"]), ROW)),
)
