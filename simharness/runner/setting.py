"""From a scenario's case to the setting of a world."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simharness.errors import ScenarioError
from simharness.invariants.registry import all_rules
from simharness.world.commands import check_targets
from simharness.world.setting import DRIVERS, Command, Given, Setting

if TYPE_CHECKING:
    from simharness.scenario.case import Case
    from simharness.world.system import System

# Matrix keys that the world understands; all others are options of the system.
_WORLD_KEYS = ("database", "driver", "isolation")
_OF_A_SYSTEM = ("watched", "create", "build", "snapshot", "subject_of", "variables")


def setting_of(case: Case) -> Setting:
    """Return what the executions of ``case`` are made of.

    Raises:
        ScenarioError: an invariant is named that no rule implements, or a driver that is not known.
    """
    scenario, spec, database = case.scenario, case.scenario.spec, case.database
    return Setting(
        options={key: value for key, value in case.values.items() if key not in _WORLD_KEYS},
        markets=spec.venue.markets,
        given=tuple(Given(each.kind, each.values, f"{scenario.path}:{each.line}:") for each in spec.given),
        commands=tuple(
            Command(
                action.kind,
                action.target,
                action.body,
                action.args,
                action.name or re.sub(r"\W+", "-", action.title),
                scenario.order[position],
                f"(scenario:{action.line})",
            )
            for position, action in enumerate(spec.when)
        ),
        faults=tuple(fault.text for fault in (*spec.faults, *spec.venue.faults)),
        fault_budget=case.explore.faults,
        rules=_rules(case),
        bounds_ns={each: each.bound_ns for each in spec.check if each.bound_ns is not None},
        semantics=case.explore.semantics,
        horizon_ns=case.explore.horizon_ns,
        engine=database.engine,
        lock_timeout_ns=database.lock_timeout_ns,
        database_url=database.url,
        driver=_driver(case),
        isolation=case.values.get("isolation", database.isolation),
        latency=spec.venue.latency.window_ns,
        single_frames=case.explore.frames == "single",
    )


def _driver(case: Case) -> str:
    driver = case.values.get("driver", DRIVERS[0])
    if driver not in DRIVERS:
        raise ScenarioError(
            f"{case.scenario.where('matrix')}: unknown driver {driver!r}; known are {', '.join(DRIVERS)}"
        )
    return driver


def _rules(case: Case) -> tuple[str, ...]:
    known = all_rules()
    missing = [each for each in case.scenario.invariants if each not in known]
    if missing and not case.scenario.checks_all:
        raise ScenarioError(
            f"{case.scenario.where('check')}: no rule implements the invariant {missing[0]} yet; "
            f"implemented are {', '.join(sorted(known))}"
        )
    return tuple(each for each in case.scenario.invariants if each in known)


def check_case(case: Case) -> None:
    """Look for what is wrong with a case without running it.

    Raises:
        ScenarioError: its factory refuses the matrix, or a command names what does not exist.
    """
    setting, system = setting_of(case), system_of(case)
    with located(case):
        check_targets(setting.commands, system.variables(setting.given))


# How the world, which knows no files, says where a command stands.
_PLACE = re.compile(r"^\(scenario:(\d+)\):? *")


@contextmanager
def located(case: Case) -> Iterator[None]:
    """Give the scenario's mistakes that only show when it runs their ``file:line``."""
    try:
        yield
    except ScenarioError as error:
        text = str(error)
        place = _PLACE.match(text)
        if place is None:
            raise
        raise ScenarioError(f"{case.scenario.path}:{place[1]}: {text[place.end() :]}") from error


def system_of(case: Case) -> System:
    """Build the system under test of a case.

    Raises:
        ScenarioError: the factory refuses the options.
    """
    factory = case.scenario.factory()
    options = {key: value for key, value in case.values.items() if key not in _WORLD_KEYS}
    try:
        system: System = factory(**options)
    except ScenarioError as error:
        raise ScenarioError(f"{case.scenario.where('system')}: {error}") from None
    except TypeError as error:
        raise ScenarioError(
            f"{case.scenario.where('system')}: {case.scenario.spec.system} refuses the matrix: {error}"
        ) from None
    missing = next((each for each in _OF_A_SYSTEM if not hasattr(system, each)), None)
    if missing is not None:
        made = f"what {case.scenario.spec.system} makes is no system"
        raise ScenarioError(f"{case.scenario.where('system')}: {made}: it has no {missing!r}")
    return system
