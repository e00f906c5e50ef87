"""One text for one value: ``repr`` shows the members of a set by their hashes, so in another order in every process."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any


def canonical(value: Any) -> str:
    """Return ``repr(value)``, with the members of sets in plain containers and dataclasses in a fixed order.

    Dicts keep their order: two that were filled in different orders are not the same to a program that iterates.
    """
    if type(value) in (set, frozenset) and value:
        members = f"{{{', '.join(sorted(map(canonical, value)))}}}"
        return members if type(value) is set else f"frozenset({members})"
    if is_dataclass(value) and not isinstance(value, type) and _shown_as_usual(value):
        shown = (f"{field.name}={canonical(getattr(value, field.name))}" for field in fields(value) if field.repr)
        return f"{type(value).__qualname__}({', '.join(shown)})"
    if type(value) is dict:
        return f"{{{', '.join(f'{canonical(key)}: {canonical(item)}' for key, item in value.items())}}}"
    if type(value) is list:
        return f"[{', '.join(map(canonical, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(canonical, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _shown_as_usual(value: Any) -> bool:
    """Return whether a dataclass has no ``__repr__`` of its own, which may leave out what differs between processes."""
    return bool(type(value).__dataclass_params__.repr)
