"""The verdict table: what it claims, and how it fits. Snapshots: see ``snapshot.py`` on renewing them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import snapshot
from rich.cells import cell_len

from simharness.core.verdict import Verdict
from simharness.report.table import VerdictRow, explored_text, verdict_table, verdict_word


def row(policy: str, verdict: Verdict, **changes: object) -> VerdictRow:
    case = {"cancel_policy": policy, "database": "sqlite"}
    known = VerdictRow(
        "bot-update", case, verdict, expected=str(verdict), executions=130, traces=121, elapsed_s=1.25, exhausted=True
    )
    return replace(known, **changes)


ROWS = (
    row("cancel-then-mark", Verdict.VIOLATED, by=("S8", "Q5"), reachable=True),
    row("flush-then-cancel", Verdict.VIOLATED, by=("Q5",), reachable=True, exhausted=False, traces=17, executions=17),
    row("commit-then-cancel", Verdict.PROVEN),
    row(
        "write-ahead", Verdict.PASSED, expected="proven", ok=False, exhausted=False, traces=5000, executions=5000,
        faults=1, left=(80, 140), note="the time of 60s ended the search",
    ),
    VerdictRow("duplicate-fill", {}, Verdict.PROVEN, executions=12, traces=12, elapsed_s=0.1, exhausted=True),
)  # fmt: skip


@pytest.mark.parametrize("width", [100, 200])
def test_the_table_looks_like_this(width: int) -> None:
    snapshot.check(f"table-{width}", verdict_table(ROWS, width).plain + "\n")


@pytest.mark.parametrize("width", [60, 80, 100, 120, 140, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """But for the cases that are named at the end: they are searched for, and a wrapped line is not found."""
    *lines, missed = verdict_table(ROWS, width).plain.splitlines()
    assert max(cell_len(line) for line in lines) <= width
    assert missed.endswith("expected proven, got passed")


def test_a_matrix_of_many_keys_puts_the_case_below_its_verdict() -> None:
    rows = [
        row("p", Verdict.PROVEN, case={f"some_long_key_{key}": f"value {index}" for key in range(6)})
        for index in (1, 2)
    ]
    text = verdict_table(rows, 80).plain
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert "some_long_key_5=value 2" in " ".join(text.split())


def test_a_long_common_case_is_wrapped() -> None:
    rows = [row("p", Verdict.PROVEN, case={f"some_long_key_{key}": "value" for key in range(6)})]
    text = verdict_table(rows, 80).plain
    assert max(cell_len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize(("width", "said"), [(60, " interleavings"), (100, ""), (200, " interleavings")])
def test_what_was_explored_is_always_said(width: int, said: str) -> None:
    text = verdict_table(ROWS, width).plain
    assert f"121 of 121{said}, no faults" in text
    assert "interleavings" in text
    assert "no races" not in text


def test_only_an_exhausted_search_says_all() -> None:
    assert explored_text(ROWS[2]) == "121 of 121 interleavings, no faults"
    assert explored_text(ROWS[1]) == "17 interleavings, not all, no faults"
    assert explored_text(ROWS[3]) == "5,000 of about 5,080–5,140 interleavings, ≤ 1 fault"


def test_every_verdict_has_a_symbol_of_its_own_in_both_alphabets() -> None:
    for ascii_only in (True, False):
        words = [verdict_word(verdict, ascii_only=ascii_only) for verdict in Verdict]
        assert len({word[0] for word in words}) == len(Verdict)
        assert not ascii_only or "".join(words).isascii()


def test_a_key_that_never_changes_stands_in_the_heading() -> None:
    lines = verdict_table(ROWS, 200).plain.splitlines()
    assert lines[0] == "bot-update  database=sqlite"
    assert lines[1].split()[0] == "cancel_policy"
    assert "database" not in lines[1]


def test_a_missed_expectation_is_named_below() -> None:
    lines = verdict_table(ROWS, 200).plain.splitlines()
    assert lines[-2] == "✗ 5 cases: 2 proven, 1 passed, 2 violated; 1 not as expected"
    assert lines[-1] == "  bot-update cancel_policy=write-ahead database=sqlite: expected proven, got passed"


def test_a_run_that_meets_every_expectation_says_so() -> None:
    text = verdict_table(ROWS[:3], 100).plain
    assert text.splitlines()[-1] == "✓ 3 cases: 1 proven, 2 violated; every expectation is met"


def test_without_stated_expectations_none_is_called_met() -> None:
    assert "met" not in verdict_table(ROWS[4:], 100).plain


def test_a_case_of_its_own_key_leaves_the_others_blank() -> None:
    rows = [replace(ROWS[2], case={"database": "sqlite"}), replace(ROWS[2], case={"database": "sqlite", "driver": "x"})]
    lines = verdict_table(rows, 120).plain.splitlines()
    assert lines[1].split()[0] == "driver"
    assert lines[2].split()[0] == "✓"


def test_ascii_is_ascii() -> None:
    odd = replace(ROWS[0], scenario="bot-änderung", note="nötig → …")
    assert verdict_table([odd, *ROWS], 100, ascii_only=True).plain.isascii()


def test_an_empty_run_is_not_called_a_success() -> None:
    assert verdict_table([], 100).plain == "no case was run"
