"""Hunts for nondeterminism: the same schedule must do the same, in one process and in the next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from simharness.core import trace
from simharness.core.execution import Program
from simharness.core.schedule import Schedule
from simharness.errors import SimharnessError
from simharness.explore.replay import follow
from simharness.explore.shrink import Memory
from simharness.runner.setting import located, setting_of, system_of
from simharness.world.stage import staged

if TYPE_CHECKING:
    from simharness.scenario.case import Case

_SCHEDULES = 12
_HASH_SEEDS = ("0", "1", "42")


def diagnose(cases: Sequence[Case]) -> list[str]:
    """Return what is wrong with the determinism of the cases, one line each; empty if nothing is."""
    problems: list[str] = []
    for case in cases:
        try:
            problems.extend(f"{case.title}: {problem}" for problem in _diagnose(case))
        except SimharnessError as error:
            problems.append(f"{case.title}: {error}")
    return problems


def _diagnose(case: Case) -> list[str]:
    here = digests(case)
    again = digests(case)
    problems = [
        f"schedule {number} has the digest {first} and, run again, {second}"
        for number, (first, second) in enumerate(zip(here, again, strict=True))
        if first != second
    ]
    for seed in _HASH_SEEDS:
        there = _in_another_process(case, seed)
        if there != here:
            problems.append(f"another process with PYTHONHASHSEED={seed} produces other traces from the same schedules")
    with located(case), staged(setting_of(case), system_of(case)) as stage:
        problems.extend(stage.holes())
    return problems


def digests(case: Case) -> list[str]:
    """Return the trace digests of the base order and of the first schedules with one deviation."""
    with located(case), staged(setting_of(case), system_of(case)) as stage:
        found = []
        for schedule in _schedules(stage.program):
            execution = follow(stage.program, schedule)
            found.append(trace.digest(execution.steps))
            execution.close()
        return found


def _schedules(program: Program) -> list[Schedule]:
    options = Memory(program, lambda _: frozenset()).following(Schedule())
    stride = max(1, len(options) // _SCHEDULES)
    return [Schedule(), *[Schedule((deviation,)) for deviation in options[::stride][:_SCHEDULES]]]


def _in_another_process(case: Case, seed: str) -> list[str]:
    code = (
        "import json, sys\n"
        "from simharness.scenario import load\n"
        "from simharness.runner.doctor import digests\n"
        "path, values = json.loads(sys.argv[1])\n"
        "case, = load(path).cases({key: [value] for key, value in values.items()})\n"
        "print(json.dumps(digests(case)))\n"
    )
    argument = json.dumps([case.scenario.path, case.values])
    done = subprocess.run(
        [sys.executable, "-c", code, argument],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return [done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it failed"]
    found: list[str] = json.loads(done.stdout)
    return found
