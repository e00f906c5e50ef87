"""Hunts for nondeterminism: the same schedule must do the same, twice in one process and in the next.

Two executions of a schedule are compared step by step, in the words of the timeline: what a statement writes shows a
random number that changes no order, and so no trace.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from simharness.core.canonical import canonical
from simharness.core.execution import Program
from simharness.core.schedule import Schedule
from simharness.core.step import Step
from simharness.errors import ScenarioError, SimharnessError
from simharness.explore.recording import record
from simharness.explore.shrink import Memory
from simharness.runner.setting import located, setting_of, system_of
from simharness.world.stage import staged

if TYPE_CHECKING:
    from simharness.scenario.case import Case

_SCHEDULES = 12
_HASH_SEEDS = ("0", "1", "42")

Told = list[list[str]]
"""For each schedule its steps, one line each, and the final state."""

_CODE = """\
import json, sys
from simharness.runner.doctor import told_of_all
print(json.dumps(told_of_all(json.loads(sys.argv[1]))))
"""


def diagnose(cases: Sequence[Case], say: Callable[[str], None] = lambda _: None) -> list[str]:
    """Return what is wrong with the determinism of the cases, one line each; empty if nothing is.

    Args:
        cases: what to run.
        say: hears what is being done.

    Raises:
        ScenarioError: a case cannot be run as it stands.
    """
    here: list[Told | str] = []
    problems: list[list[str]] = []
    for case in cases:
        say(f"{case.title}: twice in this process")
        told, found = _here(case)
        here.append(told)
        problems.append(found)
    for seed in _HASH_SEEDS:
        say(f"all of them in another process, PYTHONHASHSEED={seed}")
        where = f"in another process with PYTHONHASHSEED={seed}"
        for told, there, found in zip(here, _in_another_process(cases, seed), problems, strict=True):
            # What is wrong already would be wrong there too; and one process that differs is enough.
            if not found:
                found.extend(_differences(told, there, where))
    return [f"{case.title}: {problem}" for case, found in zip(cases, problems, strict=True) for problem in found]


def _here(case: Case) -> tuple[Told | str, list[str]]:
    try:
        first, holes = _tell(case)
        again, _ = _tell(case)
    except ScenarioError:
        raise
    except SimharnessError as error:
        return str(error), [str(error)]
    return first, [*_differences(first, again, "run again in the same process"), *holes]


def told_of_all(named: Sequence[tuple[str, dict[str, str]]]) -> list[Told | str]:
    """Return what the cases do, or why they cannot; called in other processes.

    Args:
        named: file and matrix values of each case.
    """
    from simharness.scenario import load

    found: list[Told | str] = []
    for path, values in named:
        (case,) = load(path).cases({key: [value] for key, value in values.items()})
        try:
            found.append(_tell(case)[0])
        except SimharnessError as error:
            found.append(str(error))
    return found


def _tell(case: Case) -> tuple[Told, list[str]]:
    """Return what the base order and the first schedules with one deviation do, and the known holes."""
    with located(case), staged(setting_of(case), system_of(case)) as stage:
        told = []
        for schedule in _schedules(stage.program):
            recorded = record(stage.program, schedule)
            told.append([*map(_step_text, recorded.steps), f"at rest: {canonical(recorded.outcome)}"])
        return told, stage.holes()


def _schedules(program: Program) -> list[Schedule]:
    options = Memory(program, lambda _: frozenset()).following(Schedule())
    stride = max(1, len(options) // _SCHEDULES)
    return [Schedule(), *[Schedule((deviation,)) for deviation in options[::stride][:_SCHEDULES]]]


def _step_text(step: Step) -> str:
    said = [f"{each.text}{f' ({each.source})' if each.source else ''}" for each in step.operations]
    return "; ".join(said) or step.label


def _differences(here: Told | str, there: Told | str, where: str) -> list[str]:
    """Return the first difference in one sentence."""
    if isinstance(here, str) or isinstance(there, str):
        return [] if here == there else [f"{where}: {there if isinstance(there, str) else 'it runs'}"]
    for number, (ours, theirs) in enumerate(zip(here, there, strict=False)):
        for position, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            if one != other:
                return [f"schedule {number}, step {position}: “{_cut(one)}”, and {where} “{_cut(other)}”"]
        if len(ours) != len(theirs):
            return [f"schedule {number} has {len(ours) - 1} steps, and {where} {len(theirs) - 1}"]
    return [] if len(here) == len(there) else [f"{len(here)} schedules differ by one choice, and {where} {len(there)}"]


def _cut(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:159]}…"


def _in_another_process(cases: Sequence[Case], seed: str) -> list[Told | str]:
    argument = json.dumps([(case.scenario.path, case.values) for case in cases])
    done = subprocess.run(
        [sys.executable, "-c", _CODE, argument],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return [said[-1] if said else f"it ends with {done.returncode}"] * len(cases)
    found: list[Told | str] = json.loads(done.stdout.splitlines()[-1])
    return found
