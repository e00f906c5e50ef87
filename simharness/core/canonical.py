"""One text for one value: ``repr`` shows the members of a set by their hashes, so in another order in every process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def canonical(value: Any) -> str:
    """Return ``repr(value)`` with the members of sets, at any depth of containers and dataclasses, in a fixed order.

    Mappings keep their order: two that were filled in different orders are not the same to a program that iterates.
    """
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}({{{', '.join(sorted(map(canonical, value)))}}})"
    if is_dataclass(value) and not isinstance(value, type) and _shown_as_usual(value):
        shown = (f"{field.name}={canonical(getattr(value, field.name))}" for field in fields(value) if field.repr)
        return f"{type(value).__qualname__}({', '.join(shown)})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{canonical(key)}: {canonical(item)}' for key, item in value.items())}}}"
    if type(value) in (list, tuple):
        return f"{type(value).__name__}({', '.join(map(canonical, value))})"
    return repr(value)


def _shown_as_usual(value: Any) -> bool:
    """Return whether a dataclass has no ``__repr__`` of its own, which may leave out what differs between processes."""
    return bool(type(value).__dataclass_params__.repr)
