"""From ``module:factory`` to the callable."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from simharness.core.suggest import closest
from simharness.errors import ScenarioError


def import_factory(system: str, where: str) -> Callable[..., Any]:
    """Return the callable that ``system`` names.

    Modules in the current folder are found too, as with ``python -m``.

    Args:
        system: ``package.module:factory``.
        where: ``file:line`` for errors.

    Raises:
        ScenarioError: the module does not import, or holds no such callable.
    """
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)
    module_name, _, attributes = system.partition(":")
    try:
        found: Any = import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module of the user's may raise anything, SystemExit included
        raise ScenarioError(f"{where}: cannot import {module_name!r}: {_reason(error)}") from error
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            match = closest(attribute, [name for name in dir(found) if not name.startswith("_")])
            hint = f"; did you mean {match!r}?" if match else ""
            raise ScenarioError(f"{where}: {module_name!r} has no {attributes!r}{hint}") from None
    if not callable(found):
        raise ScenarioError(f"{where}: {system!r} is no factory: it cannot be called")
    factory: Callable[..., Any] = found
    return factory


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
