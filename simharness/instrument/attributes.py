"""The hooks of rewritten code for attributes: ``order.status`` becomes ``attribute(order, "status").status``."""

from __future__ import annotations

import functools
import types
from collections import Counter, OrderedDict, defaultdict, deque
from inspect import getattr_static
from typing import Any

from simharness.core import name as names
from simharness.core.footprint import PYHEAP, recorder
from simharness.instrument.heap import columns, heap
from simharness.instrument.items import read_whole_instance, write_whole
from simharness.instrument.kinds import (
    CLASS,
    CONTAINERS,
    FOREIGN,
    FUNCTION,
    INSTANCE,
    MODULE,
    OPAQUE,
    QUIET,
    SKIP,
    infos,
    of,
    unquieten,
)
from simharness.instrument.standins import BoundMethod, Via

# What reading an attribute of an instance means when its class defines it.
_PLAIN = ()  # a method or a property: what runs is tracked by itself
_CACHED = (-1,)  # functools.cached_property: the first read writes
_MISSING: Any = object()
_PLAIN_KINDS = (
    *(types.FunctionType, property, staticmethod, classmethod, types.GetSetDescriptorType),
    *(types.MethodDescriptorType, types.WrapperDescriptorType, type),
)

# Module variables with a key, by module; and stores that the keys do not cover, for the certificate.
module_variables: dict[str, frozenset[str]] = {}
holes: set[str] = set()
_entry_of = heap.entries.get
_touch = recorder.touched.add
_change = recorder.changed.add


def _class_keys(kind: type, attribute: str) -> tuple[int, ...] | None:
    passed: list[int] = []
    for base in kind.__mro__:
        passed.append(names.static(f"class {base.__module__}.{base.__qualname__}.{attribute}"))
        if attribute in base.__dict__:
            held = base.__dict__[attribute]
            if isinstance(held, functools.cached_property):
                return _CACHED
            if isinstance(held, _PLAIN_KINDS):
                return _PLAIN
            return None if hasattr(type(held), "__get__") else tuple(passed)
    return None


def class_keys(kind: type, attribute: str) -> tuple[int, ...] | None:
    """Return the keys of a class variable as seen from ``kind``; None: only the instance holds the attribute.

    A class variable is read together with those of all classes that could come to hide it.
    """
    known = of(kind).attributes
    keys: tuple[int, ...] | None = known.get(attribute, _MISSING)
    if keys is _MISSING:
        keys = known[attribute] = _class_keys(kind, attribute)
    return keys


def read_attribute(subject: Any, attribute: str) -> Any:
    """Record the read of ``subject.attribute``."""
    if not recorder.active:
        return _of_container(subject, type(subject), attribute) if type(subject) in _COMMON else subject
    entry = _entry_of(id(subject))
    if entry is not None:
        key = entry.attributes.get(attribute)
        if key is not None:
            _touch(key)
            return subject
    kind = type(subject)
    sort = (infos.get(kind) or of(kind)).kind
    if sort in CONTAINERS:
        subject = _of_container(subject, kind, attribute)
    if sort != SKIP and type(subject) is kind:
        _read_slowly(subject, kind, sort, attribute)
    return subject


def read_from_local(subject: Any, attribute: str) -> Any:
    """Record the first read of an attribute of an object that a local variable holds; see ``heap.Column``."""
    found = read_attribute(subject, attribute)
    if recorder.active:
        entry = _entry_of(id(subject))
        if entry is not None and attribute in entry.attributes:
            columns[attribute].reads[id(subject)] = entry.attributes[attribute]
    return found


# Rewritten code takes methods of these as values also while modules are imported.
_COMMON = frozenset((dict, list, set, deque, defaultdict, Counter, OrderedDict))


def _of_container(subject: Any, kind: type, attribute: str) -> Any:
    """Return the container, or if the attribute is a built-in method what holds a stand-in for that."""
    if isinstance(getattr_static(kind, attribute, None), types.MethodDescriptorType | types.WrapperDescriptorType):
        return Via(attribute, BoundMethod(subject, attribute))
    return subject


def attribute_by_name(subject: Any, attribute: Any, /, *default: Any) -> Any:
    """Take the place of ``getattr`` where it is passed around."""
    if isinstance(attribute, str):
        read_attribute(subject, attribute)
    return getattr(subject, attribute, *default)


def has_attribute(subject: Any, attribute: Any, /) -> bool:
    """Take the place of ``hasattr``."""
    if isinstance(attribute, str):
        read_attribute(subject, attribute)
    return hasattr(subject, attribute)


def set_attribute(subject: Any, attribute: Any, held: Any, /) -> None:
    """Take the place of ``setattr``."""
    if isinstance(attribute, str):
        write_attribute(subject, attribute)
    setattr(subject, attribute, held)


def delete_attribute(subject: Any, attribute: Any, /) -> None:
    """Take the place of ``delattr``."""
    if isinstance(attribute, str):
        write_attribute(subject, attribute)
    delattr(subject, attribute)


def _read_slowly(subject: Any, kind: type, sort: int, attribute: str) -> None:
    reads = recorder.reads
    if sort == MODULE:
        if attribute in module_variables.get(subject.__name__, ()):
            reads.add(names.static(f"global {subject.__name__}.{attribute}"))
        return
    if sort == CLASS:
        reads.update(key for key in class_keys(subject, attribute) or () if key >= 0)
        reads.add(PYHEAP)
        return
    if attribute == "__dict__":
        read_whole_instance(subject)
        heap.namespace(subject)
        return
    if attribute[:2] == "__" == attribute[-2:] or (sort not in _WITH_ATTRIBUTES and _is_builtin(kind)):
        return
    keys = class_keys(kind, attribute)
    if keys is _PLAIN:
        if sort == FOREIGN and not isinstance(getattr_static(kind, attribute, None), types.FunctionType):
            recorder.writes.add(PYHEAP)  # an unknown property runs unknown code
        return
    if keys is _CACHED and attribute not in getattr(subject, "__dict__", {}):
        write_attribute(subject, attribute)
        return
    reads.update(key for key in keys or () if key >= 0)
    entry = heap.of(subject)
    reads.add(entry.attribute(attribute, fast=keys is None))
    reads.add(PYHEAP)


_WITH_ATTRIBUTES = frozenset((INSTANCE, FUNCTION, OPAQUE, FOREIGN))


def _is_builtin(kind: type) -> bool:
    return kind.__module__ in ("builtins", "collections")


def write_attribute(subject: Any, attribute: str) -> Any:
    """Record a store to, or the deletion of, ``subject.attribute``."""
    if not recorder.active:
        return subject
    entry = _entry_of(id(subject))
    key = None if entry is None else entry.attributes.get(attribute)
    if entry is None or key is None:
        _write_slowly(subject, attribute)
        return subject
    _change(key)
    return subject


def write_to_local(subject: Any, attribute: str) -> Any:
    """Record the first store to an attribute of an object that a local variable holds; see ``heap.Column``."""
    write_attribute(subject, attribute)
    if recorder.active:
        entry = _entry_of(id(subject))
        if entry is not None and attribute in entry.attributes:
            columns[attribute].writes[id(subject)] = entry.attributes[attribute]
    return subject


def _write_slowly(subject: Any, attribute: str) -> None:
    kind = type(subject)
    sort = of(kind).kind
    writes = recorder.writes
    if sort == SKIP:
        return
    if sort == MODULE:
        writes.add(names.static(f"global {subject.__name__}.{attribute}"))
        if attribute not in module_variables.get(subject.__name__, ()):
            writes.add(PYHEAP)
            holes.add(f"{subject.__name__}.{attribute} is stored from outside its module")
        return
    if sort == CLASS:
        _write_class(subject, attribute)
        return
    keys = class_keys(kind, attribute)
    if keys is _PLAIN:
        if isinstance(getattr_static(kind, attribute, None), property):
            return
        # A method is replaced on one instance: readers do not look at it, so this collides with all of them.
        infos[kind].attributes[attribute] = None
        unquieten(attribute, [kind])
        writes.add(PYHEAP)
    entry = heap.of(subject)
    writes.add(entry.attribute(attribute, fast=keys is None))
    recorder.adds.add(entry.members)
    recorder.reads.add(PYHEAP)


def _write_class(subject: type, attribute: str) -> None:
    recorder.writes.add(names.static(f"class {subject.__module__}.{subject.__qualname__}.{attribute}"))
    recorder.reads.add(PYHEAP)
    if not class_keys(subject, attribute) or attribute not in subject.__dict__:
        # A new class variable, or a method that is replaced: what readers look at changes.
        recorder.writes.add(PYHEAP)
        for info in infos.values():
            info.attributes.pop(attribute, None)
        unquieten(attribute, list(infos))
        for entry in heap.entries.values():
            entry.attributes.pop(attribute, None)
        columns[attribute].clear()


def update_attribute(subject: Any, attribute: str) -> Any:
    """Record ``subject.attribute += …``; a list in that place changes itself."""
    if recorder.active:
        entry = _entry_of(id(subject))
        if entry is None or attribute not in entry.attributes:
            # Where the class has its say, reading and writing are different keys.
            read_attribute(subject, attribute)
        write_attribute(subject, attribute)
        try:
            held = subject.__dict__[attribute]
        except (AttributeError, KeyError, TypeError):
            slot = isinstance(getattr_static(type(subject), attribute, None), types.MemberDescriptorType)
            held = getattr(subject, attribute, None) if slot else getattr_static(subject, attribute, None)
        if type(held) not in QUIET:
            write_whole(held)
    return subject


def update_local(subject: Any, attribute: str) -> Any:
    """Record the first ``subject.attribute += …`` of an object that a local variable holds; see ``heap.Column``.

    Later ones look at what the attribute holds by themselves, so nothing may run when they do.
    """
    update_attribute(subject, attribute)
    if recorder.active:
        entry, kind = _entry_of(id(subject)), type(subject)
        if entry is not None and attribute in entry.attributes and _is_stored(kind, attribute):
            columns[attribute].updates[id(subject)] = entry.attributes[attribute]
    return subject


def _is_stored(kind: type, attribute: str) -> bool:
    """Return whether reading the attribute of an instance does no more than to look it up."""
    if getattr_static(kind, "__getattribute__") is not object.__getattribute__ or hasattr(kind, "__getattr__"):
        return False
    defined = getattr_static(kind, attribute, None)
    return defined is None or isinstance(defined, types.MemberDescriptorType)
