"""Which swap decides, what is the same, what is folded."""

from __future__ import annotations

from dataclasses import replace

import mission_bug as bug
import pytest

from simharness.core.footprint import EMPTY
from simharness.core.step import Kind, Operation
from simharness.core.verdict import Finding, RecordedExecution
from simharness.report import sentences
from simharness.report.comparison import Place, compare
from simharness.report.holdings import holdings_of
from simharness.report.selection import Fold, select, summary


def test_the_swapped_pair_is_the_decisive_read_and_the_commit_that_came_too_late() -> None:
    comparison = compare(bug.failing(), bug.passing(), bug.finding())
    assert comparison.pair is not None
    assert (comparison.pair.first, comparison.pair.second) == (Place(15, 0), Place(19, 0))
    assert comparison.pair.swapped
    assert comparison.swaps == 1
    assert comparison.pair.observed_in_passing == (("reason", "UPDATE"),)


def test_the_pair_is_found_without_witnesses_too() -> None:
    comparison = compare(bug.failing(), bug.passing(), Finding("Q5", "stopped"))
    assert comparison.pair is not None
    assert (comparison.pair.first.step, comparison.pair.second.step) == (15, 19)


def test_the_pair_is_found_without_footprints_too() -> None:
    def blank(execution: RecordedExecution) -> RecordedExecution:
        return replace(execution, steps=tuple(replace(step, footprint=EMPTY) for step in execution.steps))

    comparison = compare(blank(bug.failing()), blank(bug.passing()), bug.finding())
    assert comparison.pair is not None
    assert (comparison.pair.first.step, comparison.pair.second.step) == (15, 19)


def test_an_uncommitted_write_is_no_partner_for_a_read() -> None:
    """The UPDATE is before the SELECT in both orders; only the COMMIT is swapped with it."""
    comparison = compare(bug.failing(), bug.passing(), bug.finding())
    assert comparison.pair is not None
    assert bug.failing().steps[comparison.pair.second.step].operations[0].effect == "commit"


def test_the_first_difference_is_where_the_orders_part() -> None:
    comparison = compare(bug.failing(), bug.passing(), bug.finding())
    assert comparison.first_difference == 13
    assert comparison.passing_step == 13


def test_a_step_is_the_same_only_with_the_same_causal_past() -> None:
    comparison = compare(bug.failing(), bug.passing(), bug.finding())
    assert set(range(15)) <= comparison.same
    assert 17 in comparison.same, "the reply comes later, but nothing that it depends on changed"
    assert comparison.same.isdisjoint({15, 16, 19, 21, 22})


def test_the_user_stream_frame_overtook_the_commit() -> None:
    comparison = compare(bug.failing(), bug.passing(), bug.finding())
    assert comparison.overtaker == 13
    assert sentences.reordering(bug.failing(), comparison) == ("The user-stream frame (cancelled o-1) overtook COMMIT.")


def test_a_statement_on_another_pooled_connection_is_recognised() -> None:
    passing = bug.passing()
    steps = [
        replace(step, process=bug.name.static("db 3")) if step.process == bug.SECOND_CONNECTION else step
        for step in passing.steps
    ]
    comparison = compare(bug.failing(), replace(passing, steps=tuple(steps)), bug.finding())
    assert comparison.pair is not None
    assert (comparison.pair.first.step, comparison.pair.second.step) == (15, 19)


def test_without_a_passing_order_nothing_is_claimed_about_the_other_way_round() -> None:
    comparison = compare(bug.failing(), None, bug.finding())
    text = sentences.cause(bug.failing(), None, comparison)
    assert comparison.pair is not None
    assert not comparison.pair.swapped
    assert "No passing order is known" in text
    assert "PASSES" not in text


def test_without_any_pair_the_sentence_says_where_the_orders_part() -> None:
    def mute(execution: RecordedExecution) -> RecordedExecution:
        return replace(execution, steps=tuple(replace(step, operations=()) for step in execution.steps))

    failing, passing = mute(bug.failing()), mute(bug.passing())
    text = sentences.cause(failing, passing, compare(failing, passing, bug.finding()))
    assert text == (
        "The two orders part at step 13: this one FAILS after “frame”, the nearest passing order runs “reply” there."
    )


def test_another_answer_to_a_choice_is_told_as_a_choice() -> None:
    fault = Operation("venue", "fault: the reply is lost", effect="fault")
    fine = Operation("venue", "venue answers", effect="info")
    failing = RecordedExecution(
        (replace(bug.step(1, 0, "", fault, kind=Kind.EXECUTE), values=(1,)),), bug.failing().schedule, (), ""
    )
    passing = replace(failing, steps=(bug.step(1, 0, "", fine, kind=Kind.EXECUTE),))
    finding = Finding("Q1", "lost")
    text = sentences.cause(failing, passing, compare(failing, passing, finding))
    assert text == (
        "One choice decides it: FAILS if step 0 is “fault: the reply is lost”, PASSES if it is “venue answers”."
    )


def test_equal_orders_are_not_given_a_cause() -> None:
    text = sentences.cause(bug.failing(), bug.failing(), compare(bug.failing(), bug.failing(), bug.finding()))
    assert "very same steps" in text


def test_more_than_one_swap_is_not_called_one() -> None:
    comparison = replace(compare(bug.failing(), bug.passing(), bug.finding()), swaps=3)
    text = sentences.cause(bug.failing(), bug.passing(), comparison)
    assert text.startswith("3 swaps separate it")
    assert "One swap" not in text


def test_the_decisive_read_says_what_was_not_committed() -> None:
    comparison = compare(bug.failing(), bug.passing(), bug.finding())
    text = sentences.decisive_read(bug.failing(), comparison, holdings_of(bug.failing().steps))
    assert text == (
        "[A] reads orders#1 reason=NULL: reason=UPDATE is written but not committed. "
        "In the passing order it reads reason=UPDATE."
    )


def test_swaps_that_follow_from_another_swap_are_not_counted() -> None:
    """Both rows of the second session are read after the commit there: one swap, two reversed races."""

    def twice(execution: RecordedExecution, position: int) -> RecordedExecution:
        steps = list(execution.steps)
        again = replace(steps[position], index=9)
        later = [
            replace(step, cause=step.cause + 1 if step.cause is not None and step.cause > position else step.cause)
            for step in steps[position + 1 :]
        ]
        return replace(execution, steps=(*steps[: position + 1], again, *later))

    finding = replace(bug.finding(), step=23)
    comparison = compare(twice(bug.failing(), 15), twice(bug.passing(), 19), finding)
    assert comparison.swaps == 1


@pytest.mark.parametrize("compared", [True, False])
def test_shown_and_folded_steps_add_up(compared: bool) -> None:
    passing = bug.passing() if compared else None
    selection = select(bug.failing(), compare(bug.failing(), passing, bug.finding()), full=False)
    folded = sum(item.count for item in selection if isinstance(item, Fold))
    shown = [item for item in selection if isinstance(item, int)]
    assert folded + len(shown) == len(bug.failing().steps)
    assert shown == sorted(set(shown))
    assert summary(selection).startswith(f"{folded} of 24 steps: ")


def test_a_fold_counts_the_steps_between_its_neighbours() -> None:
    selection = select(bug.failing(), compare(bug.failing(), bug.passing(), bug.finding()), full=False)
    assert selection[:3] == (0, Fold((("same in the passing order", 9),)), 10)


def test_full_folds_nothing() -> None:
    selection = select(bug.failing(), compare(bug.failing(), bug.passing(), bug.finding()), full=True)
    assert selection == tuple(range(24))
    assert summary(selection) == ""


def test_every_commit_after_the_swap_is_shown_even_if_it_is_not_a_cause() -> None:
    failing = bug.failing()
    late = Operation("endpoint", "COMMIT logs#1", "database", None, "commit", "logs#1")
    steps = (*failing.steps, bug.step(bug.FIRST_CONNECTION, 2, "COMMIT", late))
    execution = replace(failing, steps=steps)
    selection = select(execution, compare(execution, bug.passing(), bug.finding()), full=False)
    assert selection[-1] == 24


def test_a_long_common_prelude_is_folded_but_for_the_first_command() -> None:
    failing, passing = bug.failing(), bug.passing()
    prelude = tuple(
        bug.step(bug.ENDPOINT, number, "", Operation("endpoint", f"create_order {number}", "venue", effect="send"))
        for number in range(40)
    )

    def later(execution: RecordedExecution) -> RecordedExecution:
        moved = [
            replace(
                step,
                index=step.index + (40 if step.process == bug.ENDPOINT else 0),
                cause=None if step.cause is None else step.cause + 40,
            )
            for step in execution.steps
        ]
        return replace(execution, steps=(*prelude, *moved))

    finding = replace(bug.finding(), step=62, witness=(55,))
    selection = select(later(failing), compare(later(failing), later(passing), finding), full=False)
    shown = [item for item in selection if isinstance(item, int)]
    assert shown[0] == 0
    assert len(shown) <= 14
    assert {53, 55, 59, 62} <= set(shown)
