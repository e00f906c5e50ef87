"""How rewritten code reaches its hooks: as constants of the code object.

The rewriter writes a call of a text constant, and linking replaces the constant by the hook. So nothing is put into
the namespace of the program, and compiled code can be stored on disk before it is linked.

Beside hooks there are *tables*, by which rewritten code finds out without a call that a hook would have nothing to do
but this one thing; see ``shortcuts``.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

from simharness.core.footprint import recorder
from simharness.instrument import attributes, calls, items, iteration, kinds, variables
from simharness.instrument.heap import columns

_MARK = "\x00simharness hook "
_TABLE = "\x00simharness table "


def _arguments(recording: Callable[[Any, Any], Any]) -> Callable[..., tuple[Any, ...]]:
    def arguments(subject: Any = None, attribute: Any = None, *rest: Any) -> tuple[Any, ...]:
        """Record the attribute that ``getattr`` and its like name, and return their arguments."""
        if isinstance(attribute, str):
            recording(subject, attribute)
        return (subject, attribute, *rest)

    return arguments


def _item_operation(subject: Any, key: Any) -> Any:
    return items.item(subject, key)[key]


def _late_attribute(argument: Any, subject: Any, attribute: str) -> Any:
    attributes.update_attribute(subject, attribute)
    return argument


def _late_item(argument: Any, subject: Any, key: Any) -> Any:
    items.update_item(subject, key)
    return argument


def _advance(iterator: Any) -> Any:
    items.value(iterator)
    return items.write_whole(iterator)


HOOKS: dict[str, Callable[..., Any]] = {
    "attribute": attributes.read_attribute,
    "read_from_local": attributes.read_from_local,
    "write_to_local": attributes.write_to_local,
    "update_local": attributes.update_local,
    "write_attribute": attributes.write_attribute,
    "update_attribute": attributes.update_attribute,
    "late_attribute": _late_attribute,
    "read_arguments": _arguments(attributes.read_attribute),
    "write_arguments": _arguments(attributes.write_attribute),
    "item": items.item,
    "get_item": _item_operation,
    "write_item": items.write_item,
    "operands": items.operands,
    "update_item": items.update_item,
    "late_item": _late_item,
    "value": items.value,
    "deep": items.deep,
    "deep_match": items.deep_match,
    "write_whole": items.write_whole,
    "write_if_mutable": items.write_if_mutable,
    "iterate": iteration.iterate,
    "unpack": iteration.unpack,
    "advance": _advance,
    "cell": variables.cell,
    "write_cell": variables.write_cell,
    "frame": variables.frame,
    "read_global": variables.read_global,
    "write_global": variables.write_global,
    "display": variables.display,
    "constructed": variables.constructed,
    "method": calls.method,
    "keyed": calls.keyed,
    "call": calls.invoke,
    "apply": calls.apply,
    "apply_method": calls.apply_method,
    "getattr": attributes.attribute_by_name,
    "hasattr": attributes.has_attribute,
    "setattr": attributes.set_attribute,
    "delattr": attributes.delete_attribute,
}
_BY_MARK: dict[str, Callable[..., Any]] = {_MARK + title: hook for title, hook in HOOKS.items()}


def mark(title: str) -> str:
    """Return the constant that stands for a hook until linking."""
    assert title in HOOKS, title
    return _MARK + title


TABLES: dict[str, Callable[[str], Any]] = {
    "id": lambda _: id,
    "type": lambda _: type,
    "quiet": lambda _: kinds.QUIET,
    "quiet_method": lambda method: kinds.quiet_methods[method],
    "touch": lambda _: recorder.touched.add,
    "change": lambda _: recorder.changed.add,
    "reads": lambda attribute: columns[attribute].reads.get,
    "writes": lambda attribute: columns[attribute].writes.get,
    "updates": lambda attribute: columns[attribute].updates.get,
}


def table(title: str, of: str = "") -> str:
    """Return the constant that stands for a table until linking.

    Args:
        title: which.
        of: the attribute or method that it is about.
    """
    assert title in TABLES, title
    return f"{_TABLE}{title} {of}"


def link(code: types.CodeType) -> types.CodeType:
    """Return ``code`` with its hooks put in, for it and all code inside it."""
    constants = tuple(_linked(constant) for constant in code.co_consts)
    return code.replace(co_consts=constants)


def _linked(constant: Any) -> Any:
    if isinstance(constant, types.CodeType):
        return link(constant)
    if type(constant) is not str or constant[:1] != "\x00":
        return constant
    if constant.startswith(_TABLE):
        title, _, of = constant[len(_TABLE) :].partition(" ")
        return TABLES[title](of)
    return _BY_MARK.get(constant, constant)


def nested(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield ``code`` and all code objects inside it, outermost first."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from nested(constant)
