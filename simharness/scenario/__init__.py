"""YAML to a typed, valid scenario and its cases; every error is one line with ``file:line``.

Nothing is imported until it is asked for: ``simharness --help`` must not pay for pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simharness.scenario.case import Case, Scenario, find_case, select
    from simharness.scenario.json_schema import schema
    from simharness.scenario.model import Spec
    from simharness.scenario.problem import ScenarioErrors, messages_of
    from simharness.scenario.source import discover, load, parse

_HOMES = {
    "Case": "case",
    "Scenario": "case",
    "ScenarioErrors": "problem",
    "Spec": "model",
    "discover": "source",
    "find_case": "case",
    "load": "source",
    "messages_of": "problem",
    "parse": "source",
    "schema": "json_schema",
    "select": "case",
}

__all__ = [
    "Case",
    "Scenario",
    "ScenarioErrors",
    "Spec",
    "discover",
    "find_case",
    "load",
    "messages_of",
    "parse",
    "schema",
    "select",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
