"""Scenarios from files and folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from simharness.errors import ScenarioError
from simharness.scenario import crosscheck
from simharness.scenario.case import Scenario
from simharness.scenario.document import read
from simharness.scenario.files import files_in, text_of
from simharness.scenario.model import Spec
from simharness.scenario.problem import explain, located, raise_all


def load(path: str | Path) -> Scenario:
    """Return the scenario in one file.

    Raises:
        ScenarioError: one line, or several as :class:`~simharness.scenario.problem.ScenarioErrors`.
    """
    file = Path(path)
    return parse(text_of(file), str(file))


def discover(paths: Sequence[str | Path], *, factories: bool = False) -> list[Scenario]:
    """Return the scenarios in files and folders, sorted by path, each once.

    Args:
        paths: files, or folders that are searched to the bottom for ``*.yaml`` and ``*.yml``.
        factories: whether to import every scenario's factory as well.

    Raises:
        ScenarioError: everything that is wrong in any of the files.
    """
    found: dict[str, Scenario] = {}
    errors: list[ScenarioError] = []
    for file in files_in(paths):
        try:
            scenario = load(file)
            if scenario.name in found:
                where, first = scenario.where("scenario"), found[scenario.name]
                raise ScenarioError(f"{where}: {first.path} is already called {scenario.name!r}")
            found[scenario.name] = scenario
            if factories:
                scenario.factory()
        except ScenarioError as error:
            errors.append(error)
    raise_all(errors)
    return list(found.values())


def parse(text: str, path: str) -> Scenario:
    """Return the scenario that a YAML text holds.

    Args:
        text: the whole document.
        path: what to call it in errors.

    Raises:
        ScenarioError: as :func:`load`.
    """
    table = read(text, path)
    try:
        spec = Spec.model_validate(table)
    except ValidationError as error:
        raise_all(located(path, table, explain(error)))
        raise
    order, wrong = crosscheck.order_of(spec)
    raise_all(located(path, table, [*wrong, *crosscheck.problems(spec)]))
    return Scenario(path, spec, tuple(order), dict(table.lines))
