"""Finds the rules: every module of ``invariants.rules`` defines one or more."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from simharness.invariants import rules
from simharness.invariants.rule import Rule


@cache
def all_rules() -> dict[str, type[Rule]]:
    """Return every rule by its id."""
    found: dict[str, type[Rule]] = {}
    for module_info in sorted(pkgutil.iter_modules(rules.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{rules.__name__}.{module_info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Rule) and value.__module__ == module.__name__:
                if value.id in found:
                    raise TypeError(f"two rules claim the id {value.id}: {found[value.id]} and {value}")
                found[value.id] = value
    return found
