"""The cause of a failure in sentences. Each says only what the two executions show."""

from __future__ import annotations

from simharness.core.step import Operation, Step
from simharness.core.verdict import RecordedExecution
from simharness.report.comparison import Comparison, Pair, Place
from simharness.report.holdings import Detail, Held, at_database, describe, subjects_of
from simharness.report.lanes import lane_name

# A row has many columns; a sentence has room for so many.
_TOLD_MAX = 4
_LINES_MAX = 2


def cause(failing: RecordedExecution, passing: RecordedExecution | None, comparison: Comparison) -> str:
    """Return why it broke: the swap that decides, or what is known instead."""
    pair = comparison.pair
    if pair is None:
        return _without_pair(failing, passing, comparison)
    first, second = _names(failing.steps, pair)
    if not pair.swapped:
        return (
            f"It fails here with [A] {first} before [B] {second}. "
            "No passing order is known, so whether the other way round passes is not known either."
        )
    if comparison.swaps <= 1:
        return f"One swap decides it: FAILS if [A] {first} runs before [B] {second}, PASSES the other way round."
    return (
        f"{comparison.swaps} swaps separate it from the nearest passing order. The telling one: "
        f"this order FAILS with [A] {first} before [B] {second}, the passing order runs [B] first."
    )


def reordering(failing: RecordedExecution, comparison: Comparison) -> str:
    """Return which event had to overtake which, or nothing if that is not known."""
    pair = comparison.pair
    if pair is None or comparison.overtaker is None:
        return ""
    mover = failing.steps[comparison.overtaker]
    if comparison.overtaker == pair.first.step:
        who = _names(failing.steps, pair)[0]
    else:
        who = phrase(mover.operations[0]) if mover.operations else _quoted(mover.label or mover.kind)
    return f"{who[0].upper()}{who[1:]} overtook {_verb(_operation(failing.steps, pair.second))}."


def logged(failing: RecordedExecution, passing: RecordedExecution | None) -> str:
    """Return what the program logs in this order alone: it often names the cause in the program's own words."""
    if passing is None:
        return ""
    elsewhere = set(_log_lines(passing))
    # dict: each line once, in the order of the execution.
    only_here = [line for line in dict.fromkeys(_log_lines(failing)) if line not in elsewhere]
    if not only_here:
        return ""
    more = f", and {len(only_here) - _LINES_MAX} more lines" if len(only_here) > _LINES_MAX else ""
    return f"Only this order logs {' and '.join(only_here[:_LINES_MAX])}{more}."


def _log_lines(execution: RecordedExecution) -> list[str]:
    found = [operation for step in execution.steps for operation in step.operations if operation.effect == "log"]
    return [operation.text.removeprefix("log ") for operation in found]


def decisive_read(failing: RecordedExecution, comparison: Comparison, held: dict[tuple[int, int], Held]) -> str:
    """Return what the read of the pair saw, and what was written and not committed at that moment."""
    pair = comparison.pair
    if pair is None:
        return ""
    for letter, place in (("A", pair.first), ("B", pair.second)):
        operation = _operation(failing.steps, place)
        # What other reads saw is not recorded, and of many rows only how many they were.
        if operation.effect == "read" and at_database(operation) and (operation.observed or "no row" in operation.text):
            return _read_sentence(letter, operation, held[place.step, place.operation], pair)
    return ""


def _read_sentence(letter: str, operation: Operation, held: Held, pair: Pair) -> str:
    elsewhere = None if pair.observed_in_passing is None else dict(pair.observed_in_passing)
    subject = ", ".join(subjects_of(operation))
    wanted = _telling(operation, held, elsewhere)
    sentence = f"[{letter}] reads {subject} {_values(operation.observed, wanted)}".replace("  ", " ")
    uncommitted = describe(held.uncommitted, Detail.COLUMN)
    if uncommitted:
        sentence += f": {uncommitted} is written but not committed"
    sentence += "."
    if elsewhere is not None:
        sentence += f" In the passing order it reads {_values(elsewhere, wanted)}."
    return sentence


def _telling(operation: Operation, held: Held, elsewhere: dict[str, str] | None) -> list[str]:
    """Return the columns worth naming: that differ in the passing order, that somebody is writing, or the first."""
    observed = operation.observed
    if observed and elsewhere:
        return [key for key in {**observed, **elsewhere} if observed.get(key) != elsewhere.get(key)][:_TOLD_MAX]
    pending = {key for values in held.uncommitted.values() for key in values}
    return ([key for key in observed if key in pending] or list(observed or elsewhere or ()))[:_TOLD_MAX]


def _values(values: dict[str, str], wanted: list[str]) -> str:
    return " ".join(f"{key}={values[key]}" for key in wanted if key in values) or "and finds nothing"


def _without_pair(failing: RecordedExecution, passing: RecordedExecution | None, comparison: Comparison) -> str:
    if passing is None:
        return "No passing order is known, so there is nothing to compare with; below is what led to the failure."
    if len(failing.steps) == len(passing.steps) and comparison.first_difference is None:
        return "The order to compare with takes the very same steps, so nothing tells the two apart."
    here, there = comparison.first_difference, comparison.passing_step
    if here is None:
        return "The nearest passing order takes the same steps and goes on where this one ends."
    ours = failing.steps[here]
    if there is None:
        return f"The nearest passing order ends where this one goes on with {step_phrase(ours)}."
    theirs = passing.steps[there]
    if (ours.process, ours.index) == (theirs.process, theirs.index):
        mine, other = step_phrase(ours), step_phrase(theirs)
        return f"One choice decides it: FAILS if step {here} is {mine}, PASSES if it is {other}."
    return (
        f"The two orders part at step {here}: this one FAILS after {step_phrase(ours)}, "
        f"the nearest passing order runs {step_phrase(theirs)} there."
    )


def step_phrase(step: Step) -> str:
    """Return a step as the subject of a sentence."""
    return phrase(step.operations[0]) if step.operations else _quoted(step.label or step.kind)


def phrase(operation: Operation) -> str:
    """Return an operation as the subject of a sentence: *the handler's SELECT*, *the user-stream frame …*."""
    if operation.lane == "stream":
        rest = operation.text.removeprefix("user stream").removeprefix(":").strip()
        return f"the user-stream frame ({rest})" if rest else "the user-stream frame"
    if _is_call(operation):
        return f"the {lane_name(operation.lane)}'s {_verb(operation)}"
    return _quoted(operation.text)


def _is_call(operation: Operation) -> bool:
    word = operation.text.split(" ", 1)[0]
    return word.isupper() or "_" in word


def _verb(operation: Operation) -> str:
    return operation.text.split(" ", 1)[0] if _is_call(operation) else phrase(operation)


def _quoted(text: str) -> str:
    return f"“{text}”"


def _operation(steps: tuple[Step, ...], place: Place) -> Operation:
    return steps[place.step].operations[place.operation]


def _names(steps: tuple[Step, ...], pair: Pair) -> tuple[str, str]:
    """Return both phrases, made different by their subject or source if need be."""
    a, b = _operation(steps, pair.first), _operation(steps, pair.second)
    first, second = phrase(a), phrase(b)
    if first != second:
        return first, second
    if a.subject != b.subject:
        return f"{first} of {a.subject}", f"{second} of {b.subject}"
    return f"{first} (step {pair.first.step})", f"{second} (step {pair.second.step})"
