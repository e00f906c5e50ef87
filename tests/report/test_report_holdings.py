"""What the database holds while operations go by."""

from __future__ import annotations

import mission_bug as bug
import postgresql_bug

from simharness.core.step import Operation, Step
from simharness.report.holdings import Detail, Held, describe, holdings_of


def after(*operations: Operation, process: int = bug.FIRST_CONNECTION) -> Held:
    steps = tuple(bug.step(process, index, "", operation) for index, operation in enumerate(operations))
    return holdings_of(steps)[len(steps) - 1, 0]


WRITE = bug.FLUSH
READ = Operation("handler", "SELECT orders#1", "database", effect="read", subject="orders#1")


def test_a_write_is_not_committed_until_the_commit() -> None:
    assert after(WRITE) == Held({"orders#1": {"reason": "NULL"}}, {"orders#1": {"reason": "UPDATE"}})
    assert after(WRITE, bug.COMMIT) == Held({"orders#1": {"reason": "UPDATE"}}, {})


def test_a_commit_without_a_subject_publishes_what_its_session_wrote() -> None:
    commit = Operation("endpoint", "COMMIT", "database", effect="commit")
    assert after(WRITE, commit, READ).committed == {"orders#1": {"reason": "UPDATE"}}


def test_a_rollback_publishes_nothing() -> None:
    rollback = Operation("endpoint", "ROLLBACK", "database", effect="rollback", subject="orders#1")
    assert after(WRITE, rollback) == Held({"orders#1": {"reason": "NULL"}}, {})


def test_the_commit_of_one_session_leaves_what_another_wrote() -> None:
    other = Operation("handler", "COMMIT bots#1", "database", effect="commit", subject="bots#1")
    steps: tuple[Step, ...] = (
        bug.step(bug.FIRST_CONNECTION, 0, "", WRITE),
        bug.step(bug.SECOND_CONNECTION, 0, "", other),
        bug.step(bug.SECOND_CONNECTION, 1, "", READ),
    )
    assert holdings_of(steps)[2, 0].uncommitted == {"orders#1": {"reason": "UPDATE"}}


def test_a_commit_of_the_venue_is_not_one_of_the_database() -> None:
    venue = Operation("venue", "cancels o-1", effect="commit", subject="o-1", committed={"status": "CANCELED"})
    assert after(venue) == Held()


def test_of_a_wide_row_only_what_somebody_writes_is_told() -> None:
    wide = {"id": "1", "reason": "NULL", "price": "100", "side": "buy"}
    read = Operation("handler", "SELECT", "database", effect="read", subject="orders#1", observed=wide, committed=wide)
    assert after(WRITE, read).committed == {"orders#1": {"reason": "NULL"}}


def test_a_waiter_names_the_holder_of_the_lock() -> None:
    steps = postgresql_bug.overwriting().steps
    assert holdings_of(steps)[3, 0].waits_for == ("endpoint",)


def test_a_cycle_of_waits_is_closed() -> None:
    steps = postgresql_bug.deadlocking().steps
    assert holdings_of(steps)[3, 0].waits_for == ("endpoint", "handler")


def test_values_of_several_subjects_always_name_them() -> None:
    one, two = {"a#1": {"x": "1"}}, {"b#1": {"y": "2"}, "a#1": {"x": "1"}}
    assert [describe(one, detail) for detail in Detail] == ["a#1 x=1", "x=1", "1"]
    assert {describe(two, detail) for detail in Detail} == {"a#1 x=1; b#1 y=2"}


def test_a_bare_value_is_only_told_if_there_is_one() -> None:
    assert describe({"a#1": {"x": "1", "y": "2"}}, Detail.VALUE) == "x=1 y=2"
