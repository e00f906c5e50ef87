"""Undoing one thing makes a verdict wrong, or a self-check speak up: none of it is there for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simharness.core.verdict import Verdict
from simharness.database.keys import DatabaseKeys
from simharness.database.sqlite.session import Session
from simharness.managers.bots.cancel_policies.cancel_then_mark import CancelThenMark
from simharness.managers.bots.cancel_policies.commit_then_cancel import CommitThenCancel
from simharness.runner.case import run_case
from simharness.runner.result import CaseResult, RunOptions
from simharness.scenario import load

SCENARIO = Path(__file__).parents[2] / "scenarios" / "bot-update.yaml"


def run(policy: str) -> CaseResult:
    (case,) = load(str(SCENARIO)).cases({"cancel_policy": [policy], "database": ["sqlite"]})
    return run_case(case, RunOptions(), lambda _: None)


@contextmanager
def replaced(owner: Any, attribute: str, value: Any) -> Iterator[None]:
    before = vars(owner)[attribute]
    setattr(owner, attribute, value)
    try:
        yield
    finally:
        setattr(owner, attribute, before)


def test_two_swapped_lines_in_commit_then_cancel_are_found() -> None:
    method = next(name for name in vars(CommitThenCancel) if not name.startswith("_"))
    with replaced(CommitThenCancel, method, vars(CancelThenMark)[method]):
        result = run("commit-then-cancel")
    assert result.verdict is Verdict.VIOLATED
    assert "Q5" in result.refuted


def test_without_the_footprint_of_commit_the_search_misses_the_bug_or_says_that_it_is_blind() -> None:
    whole = run("flush-then-cancel")
    with replaced(DatabaseKeys, "record_published", lambda *_: None):
        blind = run("flush-then-cancel")
    assert blind.verdict is Verdict.ERROR or blind.traces < whole.traces


def test_lock_waits_that_time_out_at_once_show_up_as_errors_of_the_program() -> None:
    """A statement that waits for the writer lock is disabled; "database is locked" would be a false alarm."""
    never = {"blocked": lambda self, request: False, "_may_retry": lambda self, request: False}
    with replaced(Session, "blocked", never["blocked"]), replaced(Session, "_may_retry", never["_may_retry"]):
        result = run("flush-then-cancel")
    assert result.verdict is Verdict.ERROR or "S13" in result.refuted
