"""Following a schedule in code that has changed since: by what was to happen in place of what, not by counting steps.

A token written last month must say today whether the fix holds. One more statement before the race moves every position
behind it, and the recorded indices point at something else. So each deviation also has a :class:`Place`: what the base
order would have done, what was done instead, and how often the two had stood there before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from simharness.core import trace
from simharness.core.execution import Execution, Program
from simharness.core.schedule import Deviation, Place, Schedule, from_decisions, print_of
from simharness.errors import Nondeterminism, ReplayDiverged
from simharness.explore.replay import follow
from simharness.explore.wakeup import Values

_Wanted = list[tuple[Deviation, Place]]
_Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Followed:
    """A complete execution that follows a schedule as far as the program allows.

    Args:
        execution: the caller closes it.
        schedule: the choices that were made, at the positions where they were made.
        exact: whether every step was the recorded one.
        missing: recorded positions of the choices that have no place in the program any more.
    """

    execution: Execution
    schedule: Schedule
    exact: bool
    missing: tuple[int, ...] = ()


def placed(program: Program, schedule: Schedule) -> tuple[Execution, tuple[Place, ...]]:
    """Follow a schedule that fits; return the execution, which the caller closes, and the place of each deviation."""
    history: list[list[int]] = []
    execution = follow(program, schedule, lambda running, enabled: history.append(_prints(running, enabled)))
    decisions = schedule.by_step()
    places = []
    for deviation in schedule.deviations:
        offered = history[deviation.step]
        pair = (offered[0], offered[deviation.index])
        kept = (there for at, there in enumerate(history[: deviation.step]) if at not in decisions)
        places.append(Place(*pair, sum(_stands(pair, there, moved=deviation.index > 0) for there in kept)))
    return execution, tuple(places)


def refollow(program: Program, schedule: Schedule, places: tuple[Place, ...], digest: int) -> Followed:
    """Follow a schedule to the letter if its trace is the recorded one; else, the code having changed, by its places.

    Args:
        program: starts an execution.
        schedule: the choices.
        places: one for each deviation; without them the schedule can only be followed to the letter.
        digest: the first 32 bits of the recorded trace digest.

    Raises:
        ReplayDiverged: the program does not offer what the schedule asks for, and no places are known.
        Nondeterminism: the same choices lead to different traces, so it is not the code that has changed.
    """
    told, execution = _attempt(program, schedule)
    if told == digest and execution is not None:
        return Followed(execution, schedule, exact=True)
    if execution is not None:
        execution.close()  # first: there is one database, one heap, one running execution
    again, execution = _attempt(program, schedule)
    if told != again:
        if execution is not None:
            execution.close()
        raise Nondeterminism(
            "the same choices, made twice, lead to different traces: something is not under control; "
            "run `simharness doctor SCENARIO`"
        )
    if schedule.deviations and len(places) == len(schedule.deviations):
        if execution is not None:
            execution.close()
        return _by_places(program, list(zip(schedule.deviations, places, strict=True)))
    # A schedule that diverged and has no places says so once more.
    return Followed(follow(program, schedule) if execution is None else execution, schedule, exact=False)


def _by_places(program: Program, wanted: _Wanted) -> Followed:
    missing: list[int] = []
    while True:
        decisions: list[tuple[int, Values]] = []
        execution, left = _follow_places(program, wanted, decisions)
        if not left:
            return Followed(execution, from_decisions(decisions), exact=False, missing=tuple(missing))
        execution.close()
        # What does not come up any more must not keep the later choices from being followed.
        missing.append(left[0][0].step)
        wanted = [each for each in wanted if each is not left[0]]


def _follow_places(program: Program, wanted: _Wanted, decisions: list[tuple[int, Values]]) -> tuple[Execution, _Wanted]:
    """Return the execution, and the choices for which no place was found; it is not complete if there are any."""
    execution = program()
    ahead = list(wanted)
    pairs = {(place.displaced, place.chosen): deviation.index > 0 for deviation, place in wanted}
    before: Counter[_Pair] = Counter()
    try:
        while enabled := execution.enabled():
            offered = _prints(execution, enabled)
            if not ahead or not _is_here(*ahead[0], offered, before):
                before.update(pair for pair, moved in pairs.items() if _stands(pair, offered, moved=moved))
                decisions.append((0, execution.step(enabled[0]).values))
                continue
            deviation, place = ahead[0]
            index = offered.index(place.chosen, 1) if deviation.index else 0
            try:
                step = execution.step(enabled[index], deviation.values)
            except ReplayDiverged:
                # It is asked other questions here than the ones that were answered.
                break
            decisions.append((index, step.values))
            ahead.pop(0)
    except BaseException:
        execution.close()
        raise
    return execution, ahead


def _prints(execution: Execution, enabled: list[int]) -> list[int]:
    return [print_of(execution.label(process)) for process in enabled]


def _is_here(deviation: Deviation, place: Place, offered: list[int], before: Counter[_Pair]) -> bool:
    pair = (place.displaced, place.chosen)
    return before[pair] == place.before and _stands(pair, offered, moved=deviation.index > 0)


def _stands(pair: _Pair, offered: list[int], *, moved: bool) -> bool:
    return offered[0] == pair[0] and (not moved or pair[1] in offered[1:])


def _attempt(program: Program, schedule: Schedule) -> tuple[int | str, Execution | None]:
    """Return the digest of the trace and the execution, or what is said about a divergence and None."""
    try:
        execution = follow(program, schedule)
    except ReplayDiverged as diverged:
        return str(diverged), None
    return int(trace.digest(execution.steps)[:8], 16), execution
