"""Finds the faults of the catalog: every module there exports one ``FAULT``."""

from __future__ import annotations

import importlib
import pkgutil
from difflib import get_close_matches
from functools import cache

from simharness.errors import ScenarioError
from simharness.faults import catalog
from simharness.faults.fault import Fault


@cache
def all_faults() -> dict[str, Fault]:
    """Return every fault of the catalog by name, sorted.

    Raises:
        TypeError: a module of the catalog does not export a ``FAULT`` that is called as its file is.
    """
    faults: dict[str, Fault] = {}
    # Sorted: the order of a directory listing depends on the file system.
    for module_name in sorted(module.name for module in pkgutil.iter_modules(catalog.__path__)):
        fault = getattr(importlib.import_module(f"{catalog.__name__}.{module_name}"), "FAULT", None)
        if not isinstance(fault, Fault) or fault.name != module_name:
            raise TypeError(f"{catalog.__name__}.{module_name} must export FAULT with name={module_name!r}")
        faults[fault.name] = fault
    return faults


def find_fault(name: str) -> Fault:
    """Return the fault called ``name``; hyphens count as underscores.

    Raises:
        ScenarioError: there is none; the message suggests a near one.
    """
    faults = all_faults()
    known = faults.get(name.replace("-", "_"))
    if known is not None:
        return known
    near = get_close_matches(name, faults, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known faults: {', '.join(faults)}"
    raise ScenarioError(f"unknown fault {name!r}; {hint}")
