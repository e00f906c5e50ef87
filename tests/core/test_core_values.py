"""Names, footprints, traces, schedules, tokens: the values that everything else is made of."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simharness.core import name, token, trace
from simharness.core.choice import ChoicePoint, StepChooser
from simharness.core.footprint import Footprint, Recorder, Rows, conflicting, shared_keys
from simharness.core.schedule import Deviation, Place, Schedule, from_decisions
from simharness.core.step import Kind, Step
from simharness.core.time import format_seconds, parse_duration_ns, seconds_to_ns
from simharness.core.token import Token, decode
from simharness.core.trace import HappensBefore
from simharness.errors import TokenError

A, B = name.static("test a"), name.static("test b")


def step(process: str, index: int, *, reads: set[int] = frozenset(), writes: set[int] = frozenset()) -> Step:  # type: ignore[assignment]  # an empty frozenset stands for an empty set
    footprint = Footprint(frozenset(reads), frozenset(writes))
    return Step(name.static(process), index, Kind.HANDLE, None, process, footprint, None)


def test_a_name_is_one_number_however_often_it_is_made() -> None:
    assert name.causal("task", name.ROOT, 3, 1) == name.causal("task", name.ROOT, 3, 1)
    assert name.causal("task", name.ROOT, 3, 1) != name.causal("task", name.ROOT, 3, 2)


def test_a_name_reads_as_its_origin() -> None:
    task = name.causal("task", name.ROOT, 3, 1)
    assert name.text(task) == "root/3.1:task"
    assert name.text(name.member(task, "state")) == "root/3.1:task.state"
    assert name.kind(name.member(task, "state")) == "task"


NAMES = st.recursive(
    st.text(min_size=1).map(name.static),
    lambda inner: st.one_of(
        st.builds(name.member, inner, st.text()),
        st.builds(name.causal, st.text(min_size=1), inner, st.integers(0, 99), st.integers(0, 99)),
    ),
)


@given(NAMES)
def test_a_frozen_name_thaws_to_itself(some: int) -> None:
    assert name.thaw(name.freeze(some)) == some


def test_two_steps_conflict_unless_both_read_or_both_add() -> None:
    read, write, add = Footprint(frozenset({A})), Footprint(writes=frozenset({A})), Footprint(adds=frozenset({A}))
    pairs = {(x, y): conflicting(x, y) for x in (read, write, add) for y in (read, write, add)}
    assert [pair for pair, conflict in pairs.items() if not conflict] == [(read, read), (add, add)]


FOOTPRINTS = st.builds(Footprint, *[st.frozensets(st.sampled_from([A, B, name.static("test c")])) for _ in range(3)])


@given(FOOTPRINTS, FOOTPRINTS)
def test_a_conflict_is_symmetric_and_has_a_key(one: Footprint, other: Footprint) -> None:
    assert conflicting(one, other) == conflicting(other, one) == bool(shared_keys(one, other))


def recorded(*accesses: str) -> Footprint:
    recorder = Recorder()
    rows = Rows(name.static("table orders"), recorder)
    recorder.begin(name.ROOT, 0, active=True)
    for access in accesses:
        method, _, row = access.partition(" ")
        getattr(rows, method)(*([row] if row else []))
    return recorder.end()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("write_row 1", "write_row 2", False),
        ("read_row 1", "write_row 2", False),
        ("read_row 1", "write_row 1", True),
        ("read_all", "write_row 1", True),
        ("read_all", "read_row 1", False),
        ("write_all", "read_row 1", True),
        ("write_all", "write_row 1", True),
        ("write_all", "read_all", True),
    ],
)
def test_rows_collide_with_themselves_and_with_the_whole_table(one: str, other: str, expected: bool) -> None:
    assert conflicting(recorded(one), recorded(other)) is expected


def test_reading_and_adding_in_one_step_is_a_write() -> None:
    recorder = Recorder()
    recorder.begin(name.ROOT, 0, active=True)
    recorder.read(A)
    recorder.add(A)
    assert recorder.end() == Footprint(writes=frozenset({A}))


def test_what_happens_aside_leaves_no_mark() -> None:
    recorder = Recorder()
    recorder.begin(name.ROOT, 0, active=True)
    with recorder.aside():
        recorder.write(A)
        recorder.fresh("ignored")
    assert recorder.fresh("first") == name.causal("first", name.ROOT, 0, 1)
    assert recorder.end() == Footprint()


def test_conflicts_and_processes_order_steps() -> None:
    order = HappensBefore([step("p", 0, writes={A}), step("q", 0, writes={B}), step("q", 1, reads={A})])
    assert order.before(0, 2)
    assert order.before(1, 2)
    assert not order.before(0, 1)
    assert list(order.past_of(2)) == [0, 1, 2]


def test_a_trace_does_not_see_the_order_of_independent_steps() -> None:
    p, q = step("p", 0, writes={A}), step("q", 0, writes={B})
    assert trace.fingerprint([p, q], HappensBefore([p, q])) == trace.fingerprint([q, p], HappensBefore([q, p]))
    assert trace.digest([p, q]) != trace.digest([q, p])


def test_a_trace_sees_the_order_of_dependent_steps() -> None:
    p, q = step("p", 0, writes={A}), step("q", 0, reads={A})
    assert trace.fingerprint([p, q], HappensBefore([p, q])) != trace.fingerprint([q, p], HappensBefore([q, p]))


_IN_ANOTHER_PROCESS = """
import sys
sys.path.insert(0, sys.argv[1])
from test_core_values import A, B, step, trace, HappensBefore, name
for text in sys.argv[2:]:
    name.static(text)
steps = [step("p", 0, writes={A, B}), step("q", 0, reads={A, B})]
print(trace.digest(steps), trace.fingerprint(steps, HappensBefore(steps)))
"""


def test_digest_and_fingerprint_depend_neither_on_hash_seeds_nor_on_what_was_named_before() -> None:
    seen = set()
    for seed, earlier in (("0", []), ("1", ["test b", "q"]), ("77", ["x", "test b", "test a"])):
        command = [sys.executable, "-c", _IN_ANOTHER_PROCESS, os.path.dirname(__file__), *earlier]  # noqa: PTH120 — sys.path takes text
        run = subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        seen.add(run.stdout)
    assert len(seen) == 1


DEVIATIONS = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 300), st.lists(st.integers(0, 200), max_size=3)),
    unique_by=lambda each: each[0],
).map(lambda some: tuple(Deviation(at, index, tuple(values)) for at, index, values in sorted(some)))
TOKENS = st.builds(
    Token,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.builds(Schedule, DEVIATIONS, st.one_of(st.none(), st.integers(0, 10**6))),
)


@given(TOKENS, st.data())
def test_a_token_says_where_its_deviations_stand(some: Token, data: st.DataObject) -> None:
    size = len(some.schedule.deviations)
    print_ = st.integers(0, 2**16 - 1)
    places = st.lists(st.builds(Place, print_, print_, st.integers(0, 500)), min_size=size, max_size=size)
    placed = replace(some, places=tuple(data.draw(places)))
    assert decode(placed.encode()) == placed


@given(TOKENS)
def test_a_token_says_what_was_put_into_it(some: Token) -> None:
    assert decode(some.encode()) == some
    assert decode(f"  {some.encode().lower()}\n") == some


@given(TOKENS, st.data())
def test_a_damaged_token_is_refused(some: Token, data: st.DataObject) -> None:
    text = some.encode()
    at = data.draw(st.integers(4, len(text) - 1))
    other = data.draw(st.sampled_from([each for each in token._ALPHABET if each != text[at]]))
    with pytest.raises(TokenError):
        decode(text[:at] + other + text[at + 1 :])


@pytest.mark.parametrize("text", ["", "sh1", "sh1-", "sh2-ABC", "hello", "sh1-U", "sh1-000000000000000000000"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(TokenError):
        decode(text)


def test_only_deviations_from_the_base_order_are_written_down() -> None:
    schedule = from_decisions([(0, ()), (2, ()), (0, (0, 0)), (0, (0, 1, 0))])
    assert schedule == Schedule((Deviation(1, 2), Deviation(3, 0, (0, 1))), 4)
    assert schedule.without(0).deviations == (Deviation(3, 0, (0, 1)),)
    assert schedule.at(2) == Deviation(2, 0)


def test_deviations_are_sorted() -> None:
    with pytest.raises(ValueError, match="sorted"):
        Schedule((Deviation(2, 1), Deviation(1, 1)))


@pytest.mark.parametrize(
    ("text", "expected"), [("60s", 60_000_000_000), ("250ms", 250_000_000), ("10m", 600_000_000_000), ("1.5us", 1_500)]
)
def test_durations_have_a_number_and_a_unit(text: str, expected: int) -> None:
    assert parse_duration_ns(text) == expected


@pytest.mark.parametrize("text", ["60", "s", "-1s", "1 day", ""])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration_ns(text)


@given(st.integers(0, 10**15))
def test_seconds_are_shown_with_three_decimals(time_ns: int) -> None:
    assert seconds_to_ns(float(format_seconds(time_ns).rstrip("s"))) // 1_000_000 == time_ns // 1_000_000


POINT = ChoicePoint("fill", ("all", "half", "none"))
FAULT = ChoicePoint("reply", ("arrives", "lost"), fault=True)


def test_prescribed_answers_come_first_then_the_ordinary_one() -> None:
    chooser = StepChooser()
    chooser.begin((2,))
    assert [chooser.choose(POINT), chooser.choose(POINT)] == [2, 0]
    assert (chooser.values, chooser.options) == ([2, 0], [3, 3])
    assert [choice.option for choice in chooser.history] == ["none", "all"]


def test_an_answer_that_does_not_exist_is_an_error() -> None:
    chooser = StepChooser()
    chooser.begin((3,))
    with pytest.raises(IndexError, match="fill"):
        chooser.choose(POINT)


def test_without_a_budget_no_fault_is_asked_about() -> None:
    chooser = StepChooser()
    chooser.begin(())
    assert chooser.choose(FAULT) == 0
    assert chooser.values == []


def test_a_spent_budget_answers_and_the_question_keeps_its_place() -> None:
    chooser = StepChooser(faults=1)
    chooser.begin((1, 1, 2))
    assert [chooser.choose(FAULT), chooser.choose(FAULT), chooser.choose(POINT)] == [1, 0, 2]
    assert chooser.options == [2, 1, 3]


def test_a_question_about_a_fault_keeps_its_place_under_a_smaller_budget() -> None:
    """So that schedules of a smaller budget are schedules of the whole one."""
    fault, data = ChoicePoint("lost", ("no", "yes"), fault=True), ChoicePoint("size", ("all", "half"))
    whole, smaller = StepChooser(2), StepChooser(2, strikes=0)
    for chooser in (whole, smaller):
        chooser.begin((1, 1) if chooser is whole else (0, 1))
        chooser.choose(fault)
        chooser.choose(data)
    assert (whole.values, smaller.values) == ([1, 1], [0, 1])
    assert (whole.options, smaller.options) == ([2, 2], [1, 2])
