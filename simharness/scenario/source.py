"""Scenarios from files and folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from simharness.errors import ScenarioError
from simharness.scenario import crosscheck
from simharness.scenario.case import Scenario
from simharness.scenario.document import line_of, read
from simharness.scenario.files import files_in, text_of
from simharness.scenario.model import Spec
from simharness.scenario.problem import explain, located, raise_all


@dataclass(frozen=True, slots=True)
class _Loaded:
    scenario: Scenario
    name_line: int
    system_line: int


def load(path: str | Path) -> Scenario:
    """Return the scenario in one file.

    Raises:
        ScenarioError: one line, or several as :class:`~simharness.scenario.problem.ScenarioErrors`.
    """
    return _load(Path(path)).scenario


def discover(paths: Sequence[str | Path], *, factories: bool = False) -> list[Scenario]:
    """Return the scenarios in files and folders, sorted by path, each once.

    Args:
        paths: files, or folders that are searched to the bottom for ``*.yaml`` and ``*.yml``.
        factories: whether to import every scenario's factory as well.

    Raises:
        ScenarioError: everything that is wrong in any of the files.
    """
    loaded: list[_Loaded] = []
    errors: list[ScenarioError] = []
    for file in files_in(paths):
        try:
            found = _load(file)
            if factories:
                found.scenario.check_factory(found.system_line)
            loaded.append(found)
        except ScenarioError as error:
            errors.append(error)
    first: dict[str, Scenario] = {}
    for each in loaded:
        scenario = each.scenario
        if scenario.name in first:
            where = scenario.where(each.name_line)
            errors.append(ScenarioError(f"{where}: {first[scenario.name].path} is already called {scenario.name!r}"))
        first.setdefault(scenario.name, scenario)
    raise_all(errors)
    return [each.scenario for each in loaded]


def parse(text: str, path: str) -> Scenario:
    """Return the scenario that a YAML text holds.

    Args:
        text: the whole document.
        path: what to call it in errors.

    Raises:
        ScenarioError: as :func:`load`.
    """
    return _parse(text, path).scenario


def _load(path: Path) -> _Loaded:
    return _parse(text_of(path), str(path))


def _parse(text: str, path: str) -> _Loaded:
    table = read(text, path)
    try:
        spec = Spec.model_validate(table)
    except ValidationError as error:
        raise_all(located(path, table, explain(error)))
        raise
    order, wrong = crosscheck.order_of(spec)
    raise_all(located(path, table, [*wrong, *crosscheck.problems(spec)]))
    scenario = Scenario(path, spec, tuple(order))
    return _Loaded(scenario, line_of(table, ("scenario",)), line_of(table, ("system",)))
