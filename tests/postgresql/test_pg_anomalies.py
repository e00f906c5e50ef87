"""The classic isolation anomalies, as in the Hermitage catalogue: each level allows what PostgreSQL documents.

Every order in which two sessions can send their statements is executed; waits, deadlocks and serialization failures are
the server's. https://www.postgresql.org/docs/18/transaction-iso.html
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from test_pg_wire import Stage

from simharness.database.postgresql import wire

READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE = "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"
LEVELS = [READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE]
FIRST, SECOND = "SELECT status FROM bots WHERE id = 1", "SELECT status FROM bots WHERE id = 2"
ALL = "SELECT count(*) FROM bots"
BOTH = "SELECT string_agg(status, ',' ORDER BY id) FROM bots WHERE id IN (1, 2)"


def put(row, value):
    return f"UPDATE bots SET status = '{value}' WHERE id = {row}"


@dataclass
class Player:
    """One session with its script, and what it read."""

    client: object
    script: list[str]
    asked: int = 0
    reads: list[str] = field(default_factory=list)
    error: str = ""

    def answered(self):
        return sum(message.kind == b"Z" for message in wire.each(self.client.received)) == self.asked + 1

    def ask(self):
        self.client.ask(self.script.pop(0))
        self.asked += 1

    def conclude(self):
        for message in wire.each(self.client.received):
            if message.kind == b"D":
                self.reads.append(wire.read_row(message)[0])
            if message.kind == b"E":
                self.error = self.error or wire.fields(message)["C"]


def play(database, scripts, level, order):
    """Run two scripts in an order; return the outcome, and how many sessions could go at each place."""
    stage = Stage(database)
    players = [Player(stage.client(), [f"BEGIN ISOLATION LEVEL {level}", *script, "COMMIT"]) for script in scripts]
    try:
        stage.settle()
        widths = []
        while ready := [player for player in players if player.script and player.answered()]:
            at = order[len(widths)] if len(widths) < len(order) else 0
            widths.append(len(ready))
            ready[at].ask()
            stage.settle()
        for player in players:
            player.conclude()
        final = database.query(BOTH)[0][0]
        return (*((tuple(player.reads), player.error) for player in players), final), widths
    finally:
        stage.end()


def outcomes(database, scripts, level):
    found, pending = set(), [()]
    while pending:
        order = pending.pop()
        outcome, widths = play(database, scripts, level, order)
        found.add(outcome)
        for depth in range(len(order), len(widths)):
            pending += [(*order, *[0] * (depth - len(order)), other) for other in range(1, widths[depth])]
    return found


def dirty_write(left, right, final):
    return final in {"L,R", "R,L"}


def aborted_read(left, right, final):
    return "L" in right[0]


def fuzzy_read(left, right, final):
    return not right[1] and len(set(right[0])) > 1


def lost_update(left, right, final):
    return not (left[1] or right[1]) and left[0] == right[0] == ("RUNNING",)


def read_skew(left, right, final):
    return not right[1] and right[0] in {("RUNNING", "L"), ("L", "RUNNING")}


def write_skew(left, right, final):
    return not (left[1] or right[1]) and left[0] == right[0] == ("RUNNING,RUNNING",)


ANOMALIES = [
    (dirty_write, [[put(1, "L"), put(2, "L")], [put(1, "R"), put(2, "R")]], []),
    (aborted_read, [[put(1, "L"), "ROLLBACK"], [FIRST, FIRST]], []),
    (fuzzy_read, [[put(1, "L")], [FIRST, FIRST]], [READ_COMMITTED]),
    (fuzzy_read, [["INSERT INTO bots (id, status) VALUES (3, 'L')"], [ALL, ALL]], [READ_COMMITTED]),
    (lost_update, [[FIRST, put(1, "L")], [FIRST, put(1, "R")]], [READ_COMMITTED]),
    (read_skew, [[put(1, "L"), put(2, "L")], [FIRST, SECOND]], [READ_COMMITTED]),
    (write_skew, [[BOTH, put(1, "L")], [BOTH, put(2, "R")]], [READ_COMMITTED, REPEATABLE_READ]),
]
NAMES = ["dirty write", "aborted read", "fuzzy read", "phantom", "lost update", "read skew", "write skew"]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("anomaly", "scripts", "allowed"), ANOMALIES, ids=NAMES)
def test_a_level_shows_the_anomalies_that_it_allows_and_no_others(database, anomaly, scripts, allowed, level):
    found = outcomes(database, scripts, level)
    assert any(anomaly(*outcome) for outcome in found) == (level in allowed)


def test_a_serialization_failure_reaches_the_program(database):
    found = outcomes(database, [[FIRST, put(1, "L")], [FIRST, put(1, "R")]], REPEATABLE_READ)
    assert {error for left, right, _ in found for error in (left[1], right[1])} == {"", "40001"}
