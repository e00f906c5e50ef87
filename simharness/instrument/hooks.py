"""How rewritten code reaches its hooks: as constants of the code object.

The rewriter writes a call of a text constant, and linking replaces the constant by the hook. So nothing is put into
the namespace of the program, and compiled code can be stored on disk before it is linked.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

from simharness.instrument import access, calls

_MARK = "\x00simharness hook "


def _arguments(recording: Callable[[Any, Any], Any]) -> Callable[..., tuple[Any, ...]]:
    def arguments(subject: Any = None, attribute: Any = None, *rest: Any) -> tuple[Any, ...]:
        """Record the attribute that ``getattr`` and its like name, and return their arguments."""
        if isinstance(attribute, str):
            recording(subject, attribute)
        return (subject, attribute, *rest)

    return arguments


def _item_operation(subject: Any, key: Any) -> Any:
    return access.item(subject, key)[key]


def _late_attribute(argument: Any, subject: Any, attribute: str) -> Any:
    access.update_attribute(subject, attribute)
    return argument


def _late_item(argument: Any, subject: Any, key: Any) -> Any:
    access.update_item(subject, key)
    return argument


def _late_operands(right: Any, left: Any) -> Any:
    access.deep(left)
    return access.deep(right)


def _advance(iterator: Any) -> Any:
    access.value(iterator)
    return access.write_whole(iterator)


HOOKS: dict[str, Callable[..., Any]] = {
    "attribute": access.read_attribute,
    "write_attribute": access.write_attribute,
    "update_attribute": access.update_attribute,
    "late_attribute": _late_attribute,
    "read_arguments": _arguments(access.read_attribute),
    "write_arguments": _arguments(access.write_attribute),
    "item": access.item,
    "get_item": _item_operation,
    "write_item": access.write_item,
    "late_operands": _late_operands,
    "update_item": access.update_item,
    "late_item": _late_item,
    "value": access.value,
    "deep": access.deep,
    "deep_match": access.deep_match,
    "write_whole": access.write_whole,
    "write_if_mutable": access.write_if_mutable,
    "iterate": access.iterate,
    "unpack": access.unpack,
    "advance": _advance,
    "cell": access.cell,
    "write_cell": access.write_cell,
    "frame": access.frame,
    "read_global": access.read_global,
    "write_global": access.write_global,
    "display": access.display,
    "constructed": access.constructed,
    "method": calls.method,
    "keyed": calls.keyed,
    "call": calls.invoke,
    "apply": calls.apply,
    "apply_method": calls.apply_method,
}
_BY_MARK: dict[str, Callable[..., Any]] = {_MARK + title: hook for title, hook in HOOKS.items()}


def mark(title: str) -> str:
    """Return the constant that stands for a hook until linking."""
    assert title in HOOKS, title
    return _MARK + title


def link(code: types.CodeType) -> types.CodeType:
    """Return ``code`` with its hooks put in, for it and all code inside it."""
    constants = tuple(_linked(constant) for constant in code.co_consts)
    return code.replace(co_consts=constants)


def _linked(constant: Any) -> Any:
    if isinstance(constant, types.CodeType):
        return link(constant)
    return _BY_MARK.get(constant, constant) if type(constant) is str else constant


def nested(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield ``code`` and all code objects inside it, outermost first."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from nested(constant)
