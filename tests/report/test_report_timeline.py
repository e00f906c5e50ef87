"""The timeline, as exact text. To renew the snapshots: ``SIMHARNESS_SNAPSHOTS=write pytest tests/report``."""

from __future__ import annotations

import io
from dataclasses import replace

import mission_bug as bug
import postgresql_bug
import pytest
import snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from simharness.core.step import Operation
from simharness.core.verdict import Finding, RecordedExecution
from simharness.report import layout
from simharness.report.timeline import Heading, render, to_text


def drawn(**options: object) -> str:
    return to_text(bug.failing(), bug.passing(), bug.heading(), bug.counterexample(), **options)


def with_operation(execution: RecordedExecution, position: int, **changes: object) -> RecordedExecution:
    """Return the execution with another operation at a step."""
    steps = list(execution.steps)
    operation = replace(steps[position].operations[0], **changes)
    steps[position] = replace(steps[position], operations=(operation,))
    return replace(execution, steps=tuple(steps))


@pytest.mark.parametrize("width", [100, 140, 200])
def test_the_bug_of_the_mission_is_drawn_like_this(width: int) -> None:
    snapshot.check(f"timeline-{width}", drawn(width=width))


def test_the_same_in_ascii() -> None:
    snapshot.check("timeline-100-ascii", drawn(width=100, ascii_only=True))


def test_the_same_in_full() -> None:
    snapshot.check("timeline-100-full", drawn(width=100, full=True))


def test_a_lock_wait_that_overwrites_is_drawn_like_this() -> None:
    execution = postgresql_bug.overwriting()
    finding = Finding("Q5", "the bot was auto-stopped after a cancel that it asked for itself", None, (2, 4))
    counterexample = postgresql_bug.counterexample(execution, finding, None)
    heading = Heading("bot-update", {"database": "postgresql"})
    snapshot.check("timeline-160-lock-wait", to_text(execution, None, heading, counterexample, width=160))


def test_a_deadlock_names_its_cycle() -> None:
    execution = postgresql_bug.deadlocking()
    counterexample = postgresql_bug.counterexample(execution, Finding("S12", "deadlock", 4))
    text = to_text(execution, None, Heading("ab-ba"), counterexample, width=120)
    assert "SELECT bots#1 FOR UPDATE" in text, "who took the lock is told, whatever the causal past says"
    assert "[waits for handler]" in text
    assert "[deadlock: handler → endpoint → handler]" in text


def test_ascii_mode_is_pure_ascii_even_with_other_texts_in_the_program() -> None:
    execution = with_operation(bug.failing(), 15, text="SELECT orders#1 → grund „übermut“ 🤖")
    text = to_text(execution, bug.passing(), bug.heading(), bug.counterexample(), width=100, ascii_only=True)
    assert text.isascii()
    assert "orders#1 -> grund" in text


def test_markup_in_an_event_is_neither_read_nor_swallowed() -> None:
    execution = with_operation(bug.failing(), 15, text="SELECT [order] [/red] :warning: x")
    text = render(execution, None, bug.heading(), bug.counterexample(), width=100)
    stream = io.StringIO()
    layout.emit(Console(file=stream, width=40, force_terminal=False), text)
    assert "SELECT [order] [/red] :warning: x" in stream.getvalue()
    assert stream.getvalue() == text.plain + "\n"


def test_control_characters_are_shown_and_not_obeyed() -> None:
    execution = with_operation(bug.failing(), 15, text="SELECT \x1b[2Jboom\r\nnext")
    text = to_text(execution, None, bug.heading(), bug.counterexample(), width=100)
    assert "\\x1b[2Jboom\\r\\nnext" in text


def test_without_colour_no_style_is_left() -> None:
    text = render(bug.failing(), bug.passing(), bug.heading(), bug.counterexample(), color=False)
    assert not text.spans
    assert render(bug.failing(), bug.passing(), bug.heading(), bug.counterexample()).spans


def test_what_stock_asyncio_cannot_do_is_a_warning() -> None:
    counterexample = bug.counterexample(reachable_on_stock_asyncio=False)
    text = to_text(bug.failing(), bug.passing(), bug.heading(), counterexample, width=100)
    assert text.startswith("▲ WARN bot-update")
    assert "reachable on stock asyncio: no" in text


def test_an_unfinished_search_does_not_claim_to_have_seen_all_orders() -> None:
    heading = Heading("bot-update", {}, 17, 121)
    text = to_text(bug.failing(), bug.passing(), heading, bug.counterexample(), width=100)
    assert "order 17 of 121 (not all explored)" in text


def test_the_replay_command_is_whole_and_comes_last() -> None:
    token = "sh1-" + "7QK2M3XD" * 20
    text = to_text(bug.failing(), bug.passing(), bug.heading(), bug.counterexample(token=token), width=80)
    last = text.splitlines()[-2:]
    assert last[0] == f"Replay  simharness replay {token}"
    assert last[1].strip() == "reachable on stock asyncio: yes"


def test_the_same_thing_is_said_about_a_state_that_is_wrong_at_rest() -> None:
    finding = Finding("Q1", "the bot knows an order that the venue does not", None)
    text = to_text(bug.failing(), bug.passing(), bug.heading(), bug.counterexample(finding=finding), width=100)
    assert "end  │  │  │  │  │   at rest: Q1 does not hold" in text


def test_the_deciding_rows_are_there_whatever_is_folded() -> None:
    lines = drawn(width=100, ascii_only=True).splitlines()
    marks = [line[:3].rstrip() for line in lines if line[:2] in {"<>", ">>", "!!"}]
    assert marks == ["<>", ">>A", ">>B", "!!"]


def test_lanes_of_any_name_get_two_letters_of_their_own() -> None:
    execution = bug.failing()
    for position, lane in ((11, "handler 2"), (12, "stop loss manager"), (13, "reconciler")):
        execution = with_operation(execution, position, lane=lane, target=None)
    text = to_text(execution, None, bug.heading(), bug.counterexample(), width=100)
    assert "h2 handler 2" in text
    assert "sl stop loss manager" in text
    assert "re reconciler" in text


@pytest.mark.parametrize("width", [40, 80, 139, 140])
def test_a_long_case_is_wrapped_and_whole(width: int) -> None:
    heading = Heading("bot-update", {f"key_{number}": "value" for number in range(9)}, 1, 2)
    text = to_text(bug.failing(), bug.passing(), heading, bug.counterexample(), width=width)
    head = text.split("Q5 ")[0]
    assert all(f"key_{number}=value" in head.replace("\n", "") for number in range(9))
    assert width < 80 or max(cell_len(line) for line in head.splitlines()) <= width


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
paths = st.from_regex(r"[a-z_/]{1,90}\.py:[1-9][0-9]{0,4}", fullmatch=True)


@settings(max_examples=60, deadline=None)
@given(width=st.integers(80, 220), event=texts, source=paths, ascii_only=st.booleans())
def test_a_source_is_right_aligned_and_never_cut(width: int, event: str, source: str, ascii_only: bool) -> None:
    operation = Operation("handler", event, "database", source, "read", "orders#1")
    execution = bug.failing()
    steps = list(execution.steps)
    steps[15] = replace(steps[15], operations=(operation,))
    execution = replace(execution, steps=tuple(steps))
    text = to_text(execution, bug.passing(), bug.heading(), bug.counterexample(), width=width, ascii_only=ascii_only)
    ends = [line for line in text.splitlines() if line.endswith(source)]
    assert ends
    assert all(cell_len(line) == max(width, len(source)) for line in ends)


@settings(max_examples=60, deadline=None)
@given(width=st.integers(80, 220), event=texts)
def test_no_line_is_wider_than_asked_for(width: int, event: str) -> None:
    execution = with_operation(bug.failing(), 15, text=event)
    text = to_text(execution, bug.passing(), bug.heading(), bug.counterexample(), width=width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
