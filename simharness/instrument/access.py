"""The hooks that rewritten code calls for attributes, items, iteration, cells and globals.

Each of them records an access and hands its object back, so that the real operation runs, and raises, in the frame
of the program: ``order.status`` becomes ``attribute(order, "status").status``. Every heap access also reads PYHEAP,
which unknown code writes: unknown code collides with everything, and known code only where it meets.
"""

from __future__ import annotations

import functools
import gc
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from inspect import getattr_static
from typing import Any

from simharness.core import name as names
from simharness.core.footprint import PYHEAP, recorder
from simharness.instrument import kinds
from simharness.instrument.heap import Entry, heap
from simharness.instrument.kinds import (
    CLASS,
    CONTAINERS,
    FOREIGN,
    FUNCTION,
    INSTANCE,
    ITERATOR,
    MAPPING,
    MEMBERS,
    MODULE,
    OPAQUE,
    SEQUENCE,
    SKIP,
    VIEW,
    infos,
    of,
)

# What reading an attribute of an instance means when its class defines it.
_PLAIN = ()  # a method or a property: what runs is tracked by itself
_CACHED = (-1,)  # functools.cached_property: the first read writes
_MISSING: Any = object()

# Module variables with a key, by module; and stores that the keys do not cover, for the certificate.
module_variables: dict[str, frozenset[str]] = {}
holes: set[str] = set()


def _class_keys(kind: type, attribute: str) -> tuple[int, ...] | None:
    """Return the keys of a class variable as seen from ``kind``; None: the instance alone holds the attribute."""
    passed: list[int] = []
    for base in kind.__mro__:
        passed.append(names.static(f"class {base.__module__}.{base.__qualname__}.{attribute}"))
        if attribute in base.__dict__:
            value = base.__dict__[attribute]
            if isinstance(value, functools.cached_property):
                return _CACHED
            if isinstance(
                value, types.FunctionType | property | staticmethod | classmethod | types.GetSetDescriptorType
            ):
                return _PLAIN
            if isinstance(value, types.MethodDescriptorType | types.WrapperDescriptorType | type):
                return _PLAIN
            return None if hasattr(type(value), "__get__") else tuple(passed)
    return None


def class_keys(kind: type, attribute: str) -> tuple[int, ...] | None:
    """Return what ``_class_keys`` says, remembered per class."""
    known = of(kind).attributes
    keys = known.get(attribute, _MISSING)
    if keys is _MISSING:
        keys = known[attribute] = _class_keys(kind, attribute)
    return keys  # type: ignore[no-any-return]  # the sentinel makes it Any


def read_attribute(subject: Any, attribute: str) -> Any:
    """Record the read of ``subject.attribute``."""
    if not recorder.active:
        return subject
    kind = type(subject)
    info = infos.get(kind) or of(kind)
    if info.kind == SKIP:
        return subject
    if info.kind == INSTANCE:
        keys = info.attributes.get(attribute, _MISSING)
        if keys is None:
            entry = heap.entries.get(id(subject)) or heap.of(subject)
            key = entry.rows.get(attribute) or entry.attribute(attribute)
            reads = recorder.reads
            reads.add(key)
            reads.add(PYHEAP)
            return subject
        if keys is _PLAIN:
            return subject
    _attribute_slowly(subject, kind, info.kind, attribute)
    return subject


def _attribute_slowly(subject: Any, kind: type, sort: int, attribute: str) -> None:
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
    if attribute[:2] == "__" == attribute[-2:] or (
        sort not in (INSTANCE, FUNCTION, OPAQUE, FOREIGN) and _is_builtin(kind)
    ):
        return
    keys = class_keys(kind, attribute)
    if keys is _PLAIN:
        if sort == FOREIGN and not isinstance(getattr(kind, attribute, None), types.FunctionType):
            recorder.writes.add(PYHEAP)  # an unknown property runs unknown code
        return
    if keys is _CACHED:
        if attribute not in getattr(subject, "__dict__", {}):
            write_attribute(subject, attribute)
            return
    elif keys:
        reads.update(keys)
    reads.add(heap.of(subject).attribute(attribute))
    reads.add(PYHEAP)


def _is_builtin(kind: type) -> bool:
    return kind.__module__ in ("builtins", "collections")


def write_attribute(subject: Any, attribute: str) -> Any:
    """Record a store to, or the deletion of, ``subject.attribute``."""
    if not recorder.active:
        return subject
    kind = type(subject)
    sort = (infos.get(kind) or of(kind)).kind
    writes = recorder.writes
    if sort == SKIP:
        return subject
    if sort == MODULE:
        writes.add(names.static(f"global {subject.__name__}.{attribute}"))
        if attribute not in module_variables.get(subject.__name__, ()):
            writes.add(PYHEAP)
            holes.add(f"{subject.__name__}.{attribute} is stored from outside its module")
        return subject
    if sort == CLASS:
        _write_class(subject, attribute)
        return subject
    keys = class_keys(kind, attribute)
    if keys is _PLAIN:
        if isinstance(getattr(kind, attribute, None), property):
            return subject
        # A method is replaced on one instance: readers do not look at it, so this collides with all of them.
        infos[kind].attributes[attribute] = None
        writes.add(PYHEAP)
    entry = heap.entries.get(id(subject)) or heap.of(subject)
    writes.add(entry.rows.get(attribute) or entry.attribute(attribute))
    recorder.adds.add(entry.members)
    recorder.reads.add(PYHEAP)
    return subject


def _write_class(subject: type, attribute: str) -> None:
    recorder.writes.add(names.static(f"class {subject.__module__}.{subject.__qualname__}.{attribute}"))
    recorder.reads.add(PYHEAP)
    if not class_keys(subject, attribute) or attribute not in subject.__dict__:
        # A new class variable, or a method that is replaced: what readers look at changes.
        recorder.writes.add(PYHEAP)
        for info in infos.values():
            info.attributes.pop(attribute, None)
            info.calls.pop(attribute, None)


def update_attribute(subject: Any, attribute: str) -> Any:
    """Record ``subject.attribute += …``."""
    if recorder.active:
        read_attribute(subject, attribute)
        write_attribute(subject, attribute)
        # `+=` on a list changes the list that the attribute holds.
        space = getattr(subject, "__dict__", None)
        held = space.get(attribute) if space else getattr_static(subject, attribute, None)
        if type(held) is types.MemberDescriptorType:
            held = getattr(subject, attribute, None)
        write_whole(held)
    return subject


def read_whole_instance(subject: Any) -> None:
    """Record a read of every attribute of an instance."""
    entry = heap.of(subject)
    recorder.reads.add(entry.members)
    recorder.reads.add(PYHEAP)


def item(subject: Any, key: Any) -> Any:
    """Record the read of ``subject[key]`` or ``key in subject``."""
    if not recorder.active:
        return subject
    kind = type(subject)
    sort = (infos.get(kind) or of(kind)).kind
    if sort in (MAPPING, MEMBERS):
        entry = heap.entries.get(id(subject)) or heap.of(subject)
        if isinstance(subject, defaultdict) and key not in subject:
            write_row(entry, key, new=True)
        else:
            read_row(entry, key)
    elif sort != SKIP:
        value(subject)
    return subject


def read_row(entry: Entry, key: Any) -> None:
    """Record the read of one item of a mapping or a set."""
    row = entry.row(key)
    reads = recorder.reads
    reads.add(entry.members if row is None else row)
    reads.add(entry.whole)
    reads.add(PYHEAP)


def write_row(entry: Entry, key: Any, *, new: bool) -> None:
    """Record a write of one item of a mapping or a set.

    Args:
        new: the item joins a mapping. Two such writes do not commute, because a dict remembers their order.
    """
    row = entry.row(key)
    if row is None:
        write_members(entry)
        return
    if new:
        recorder.writes.add(entry.order)
    recorder.writes.add(row)
    recorder.adds.add(entry.members)
    recorder.reads.add(entry.whole)
    recorder.reads.add(PYHEAP)


def read_members(entry: Entry) -> None:
    """Record the read of everything in a container."""
    reads = recorder.reads
    reads.add(entry.members)
    reads.add(entry.order)
    reads.add(entry.whole)
    reads.add(PYHEAP)


def write_members(entry: Entry) -> None:
    """Record a write of anything in a container."""
    recorder.writes.add(entry.members)
    recorder.writes.add(entry.whole)
    # The namespace of an instance has readers that look at single attributes only.
    if type(entry) is Entry:
        recorder.reads.add(PYHEAP)
    else:
        recorder.writes.add(PYHEAP)


def write_item(subject: Any, key: Any) -> Any:
    """Record ``subject[key] = …`` or ``del subject[key]``."""
    if not recorder.active:
        return subject
    kind = type(subject)
    sort = (infos.get(kind) or of(kind)).kind
    if sort in (MAPPING, MEMBERS):
        try:
            new = sort == MAPPING and key not in subject
        except TypeError:
            return subject  # unhashable: the operation itself raises
        write_row(heap.entries.get(id(subject)) or heap.of(subject), key, new=new)
    else:
        write_whole(subject)
    return subject


def update_item(subject: Any, key: Any) -> Any:
    """Record ``subject[key] += …``."""
    if recorder.active:
        item(subject, key)
        write_item(subject, key)
        try:
            write_whole(subject[key] if _holds(subject, key) else None)
        except TypeError:
            return subject  # unhashable: the operation itself raises
    return subject


def _holds(subject: Any, key: Any) -> bool:
    sort = of(type(subject)).kind
    if sort == MAPPING:
        return key in subject
    return sort == SEQUENCE and type(key) is int and -len(subject) <= key < len(subject)


def write_whole(subject: Any) -> Any:
    """Record a change of ``subject`` that may reach all of its parts."""
    if recorder.active:
        kind = type(subject)
        sort = (infos.get(kind) or of(kind)).kind
        if sort in CONTAINERS or sort in (OPAQUE, ITERATOR):
            write_members(heap.of(subject))
        elif sort in (FOREIGN, VIEW):
            recorder.writes.add(PYHEAP)
    return subject


def write_if_mutable(argument: Any, subject: Any) -> Any:
    """Record ``subject += argument`` and return the argument: only containers change in place."""
    if recorder.active:
        value(argument)
        write_whole(subject)
    return argument


def value(subject: Any) -> Any:
    """Record the read of a container as a whole: its truth, its length, its items."""
    if not recorder.active:
        return subject
    kind = type(subject)
    sort = (infos.get(kind) or of(kind)).kind
    if sort == SKIP or sort == INSTANCE:
        return subject
    if sort in CONTAINERS or sort == OPAQUE:
        read_members(heap.entries.get(id(subject)) or heap.of(subject))
    elif sort == VIEW or sort == ITERATOR:
        for source in sources(subject):
            read_members(heap.of(source))
        if sort == ITERATOR:
            write_members(heap.of(subject))
    elif sort == FOREIGN:
        recorder.writes.add(PYHEAP)
    return subject


# A walk that meets more objects than this is called a write of the whole heap: sound, and cheaper than the walk.
_DEEP_LIMIT = 2_000


def deep(subject: Any, *, instances: bool = False) -> Any:
    """Record the read of ``subject`` and of everything in it, as ``==``, ``repr`` and encoders do.

    Args:
        instances: also read the attributes of instances whose class does not generate its methods.
    """
    if not recorder.active:
        return subject
    info = infos.get(type(subject)) or of(type(subject))
    if info.kind == SKIP and not info.deep:
        return subject
    todo, seen = [subject], {id(subject)}
    while todo:
        part = todo.pop()
        info = infos.get(type(part)) or of(type(part))
        value(part)
        inner: list[Any] = []
        if info.kind == MAPPING:
            inner = [*dict.keys(part), *dict.values(part)]
        elif info.kind in (SEQUENCE, MEMBERS) or isinstance(part, tuple | frozenset):
            inner = [] if isinstance(part, bytearray) else list(part)
        elif info.kind in (VIEW, ITERATOR):
            inner = list(sources(part))
        elif info.deep or (instances and info.kind in (INSTANCE, FOREIGN)):
            read_whole_instance(part) if info.kind != SKIP else None
            inner = list(getattr(part, "__dict__", {}).values())
            inner += [getattr(part, slot, None) for slot in getattr(type(part), "__slots__", ()) if slot[:2] != "__"]
        for child in inner:
            if type(child) not in kinds.SCALARS and id(child) not in seen:
                seen.add(id(child))
                todo.append(child)
        if len(seen) > _DEEP_LIMIT:
            recorder.writes.add(PYHEAP)
            break
    return subject


def deep_match(subject: Any) -> Any:
    """Record what patterns may look at: containers, and the attributes of any instance in them."""
    return deep(subject, instances=True)


def sources(iterator: Any) -> list[Any]:
    """Return the containers that a view or an iterator reads, as the garbage collector sees them."""
    found: list[Any] = []
    todo, seen = [iterator], {id(iterator)}
    while todo:
        part = todo.pop()
        if isinstance(part, types.GeneratorType):
            continue  # its code reports for itself
        for child in gc.get_referents(part):
            if id(child) in seen:
                continue
            seen.add(id(child))
            sort = of(type(child)).kind
            if sort in CONTAINERS:
                found.append(child)
            elif sort in (VIEW, ITERATOR) or isinstance(child, tuple):
                todo.append(child)
    return found


class Charged(Iterator[Any]):
    """An iterator that records a read of its sources each time it is advanced, for loops that are suspended."""

    __slots__ = ("_iterator", "_nested", "_sources")

    def __init__(self, iterable: Any, nested: int) -> None:
        self._nested = nested
        kind = of(type(iterable)).kind
        self._sources = [iterable] if kind in CONTAINERS or kind == OPAQUE else []
        self._iterator = iter(iterable)
        if kind in (VIEW, ITERATOR):
            self._sources += sources(self._iterator)
        if kind == ITERATOR:
            self._sources.append(iterable)

    def __next__(self) -> Any:
        if recorder.active:
            for source in self._sources:
                value(source)
        result = next(self._iterator)
        if self._nested:
            unpack(result, self._nested)
        return result


def iterate(iterable: Any, suspends: bool, nested: int) -> Any:  # noqa: FBT001 — a literal in generated code
    """Record the iteration of a container.

    Args:
        suspends: the loop may wait between two items, so that each of them is a read of its own.
        nested: how deep the target unpacks each item.
    """
    if not recorder.active:
        # A suspended loop may go on inside a step although it was entered outside of one; so be it: set-up code.
        return iterable
    if nested > 1 or (nested == 1 and not isinstance(iterable, _FLAT)):
        return Charged(value(iterable), nested)
    value(iterable)
    return Charged(iterable, 0) if suspends and of(type(iterable)).kind != INSTANCE else iterable


# Their items are new tuples: unpacking one reads nothing.
_FLAT = (type({}.items()), enumerate, zip)


def unpack(subject: Any, nested: int) -> Any:
    """Record the reads of ``a, (b, c) = subject``."""
    if recorder.active:
        value(subject)
        if nested > 1 and isinstance(subject, tuple | list):
            for part in subject:
                unpack(part, nested - 1)
    return subject


def cell(content: Any, frame: int | str, variable: str) -> Any:
    """Record the read of a variable that several functions share; ``content`` is its value."""
    if recorder.active:
        recorder.reads.add(names.member(_owner(frame), variable))
    return content


def write_cell(content: Any, frame: int | str, variable: str) -> Any:
    """Record a store to a variable that several functions share."""
    if recorder.active:
        recorder.writes.add(names.member(_owner(frame), variable))
    return content


def _owner(frame: int | str) -> int:
    # Text: the variable's function ran before it was instrumented, so all its calls share a name.
    return frame if type(frame) is int else names.static(str(frame))


def frame(title: str) -> int | str:
    """Return the causal name of the running call, which its shared variables are named by."""
    return recorder.fresh("frame") if recorder.active else title


def read_global(content: Any, key: str) -> Any:
    """Record the read of a variable of a module."""
    if recorder.active:
        recorder.reads.add(names.static(key))
    return content


def write_global(content: Any, key: str) -> Any:
    """Record a store to a variable of a module."""
    if recorder.active:
        recorder.writes.add(names.static(key))
    return content


def display(subject: Any) -> Any:
    """Name a new container, iterator or generator."""
    if recorder.active:
        heap.born(subject, type(subject).__name__)
    return subject


def constructed(subject: Any) -> None:
    """Name the instance whose ``__init__`` starts, unless it is known."""
    if recorder.active and id(subject) not in heap.entries:
        kind = type(subject)
        if of(kind).kind in kinds.NAMED and makes_new(kind):
            heap.born(subject, kind.__qualname__)


def makes_new(kind: type) -> bool:
    """Return whether calling ``kind`` always makes a new object."""
    new: Callable[..., Any] = kind.__new__
    return isinstance(new, types.BuiltinFunctionType) and type(kind).__call__ is type.__call__
