"""The hooks of rewritten code for items, whole containers and operators.

Each of them records an access and hands its object back, so that the real operation runs, and raises, in the frame
of the program. Every heap access also reads PYHEAP, which unknown code writes: unknown code collides with
everything, and known code only where it meets.
"""

from __future__ import annotations

import gc
import types
from collections import defaultdict
from typing import Any

from simharness.core.footprint import PYHEAP, recorder
from simharness.instrument import kinds
from simharness.instrument.heap import REMEMBERED as _REMEMBERED
from simharness.instrument.heap import Entry, heap
from simharness.instrument.kinds import (
    CONTAINERS,
    FOREIGN,
    INSTANCE,
    ITERATOR,
    MAPPING,
    MEMBERS,
    OPAQUE,
    SEQUENCE,
    SKIP,
    VIEW,
    infos,
    of,
)

# One dict for good, so that the hooks need not look it up.
_entry_of = heap.entries.get
# Asked first, because most values are of these types.
_scalars = kinds.QUIET
_touch = recorder.touched.add
_change = recorder.changed.add


def item(subject: Any, key: Any) -> Any:
    """Record the read of ``subject[key]`` or ``key in subject``."""
    if not recorder.active:
        return subject
    kind = type(subject)
    if kind is dict and type(key) in _REMEMBERED:
        known = _entry_of(id(subject))
        row = None if known is None else known.rows.get(key)
        if row is not None:
            _touch(row)
            return subject
    sort = (infos.get(kind) or of(kind)).kind
    if sort == MAPPING or sort == MEMBERS:  # noqa: PLR1714, SIM109 — faster than `in`, on a hot path
        entry = _entry_of(id(subject)) or heap.of(subject)
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
        entry: the container.
        key: the item.
        new: the item joins a mapping. Two such writes do not commute, because a dict remembers their order.
    """
    row = entry.row(key)
    if row is None:
        write_members(entry)
        return
    writes = recorder.writes
    writes.add(row)
    if new:
        writes.add(entry.order)
    recorder.adds.add(entry.members)
    reads = recorder.reads
    reads.add(entry.whole)
    reads.add(PYHEAP)


def read_members(entry: Entry) -> None:
    """Record the read of everything in a container."""
    reads = recorder.reads
    reads.add(entry.members)
    reads.add(entry.order)
    reads.add(entry.whole)
    reads.add(PYHEAP)


def write_members(entry: Entry) -> None:
    """Record a write of anything in a container."""
    writes = recorder.writes
    writes.add(entry.members)
    writes.add(entry.order)
    writes.add(entry.whole)
    # The namespace of an instance has readers that look at single attributes only.
    (recorder.reads if type(entry) is Entry else writes).add(PYHEAP)


def write_item(subject: Any, key: Any) -> Any:
    """Record ``subject[key] = …`` or ``del subject[key]``."""
    if not recorder.active:
        return subject
    kind = type(subject)
    if kind is dict and type(key) in _REMEMBERED and key in subject:
        known = _entry_of(id(subject))
        row = None if known is None else known.rows.get(key)
        if row is not None:
            _change(row)
            return subject
    sort = (infos.get(kind) or of(kind)).kind
    if sort == MAPPING:
        try:
            new = key not in subject
        except TypeError:
            return subject  # unhashable: the operation itself raises
        write_row(_entry_of(id(subject)) or heap.of(subject), key, new=new)
    elif sort != SKIP:
        write_whole(subject)
    return subject


def update_item(subject: Any, key: Any) -> Any:
    """Record ``subject[key] += …``; a list in that place changes itself."""
    if recorder.active:
        item(subject, key)
        write_item(subject, key)
        try:
            held = subject[key] if _holds(subject, key) else None
        except TypeError:
            return subject  # unhashable: the operation itself raises
        write_whole(held)
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
            write_members(_entry_of(id(subject)) or heap.of(subject))
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
    kind = type(subject)
    if kind in _scalars or not recorder.active:
        return subject
    sort = (infos.get(kind) or of(kind)).kind
    if sort == SKIP or sort == INSTANCE:  # noqa: PLR1714, SIM109 — faster than `in`, on a hot path
        return subject
    if sort in CONTAINERS or sort == OPAQUE:
        read_members(_entry_of(id(subject)) or heap.of(subject))
    elif sort in (VIEW, ITERATOR):
        for source in sources(subject):
            read_members(heap.of(source))
        if sort == ITERATOR:
            write_members(heap.of(subject))
    elif sort == FOREIGN:
        recorder.writes.add(PYHEAP)
    return subject


def read_whole_instance(subject: Any) -> None:
    """Record a read of every attribute of an instance."""
    recorder.reads.add(heap.of(subject).members)
    recorder.reads.add(PYHEAP)


# A walk that meets more objects than this is called a write of the whole heap: sound, and cheaper than the walk.
_DEEP_LIMIT = 2_000


def deep(subject: Any, *, instances: bool = False) -> Any:
    """Record the read of ``subject`` and of everything in it, as ``==``, ``repr`` and encoders do.

    Args:
        subject: the object; it is returned.
        instances: also read the attributes of instances whose class does not generate its methods.
    """
    if type(subject) in _scalars or not recorder.active:
        return subject
    info = infos.get(type(subject)) or of(type(subject))
    if info.kind == SKIP and not info.deep:
        return subject
    todo, seen = [subject], {id(subject)}
    while todo:
        part = todo.pop()
        value(part)
        for child in _inside(part, instances=instances):
            if type(child) not in kinds.SCALARS and id(child) not in seen:
                seen.add(id(child))
                todo.append(child)
        if len(seen) > _DEEP_LIMIT:
            recorder.writes.add(PYHEAP)
            break
    return subject


def operands(right: Any, left: Any) -> Any:
    """Record the read of both operands of an operator and return the right one."""
    if recorder.active and (type(left) not in _scalars or type(right) not in _scalars):
        deep(left)
        deep(right)
    return right


def _inside(part: Any, *, instances: bool) -> list[Any]:
    """Return what a deep read of ``part`` looks at, and record the read of its attributes."""
    info = infos.get(type(part)) or of(type(part))
    if info.kind == MAPPING:
        return [*dict.keys(part), *dict.values(part)]
    if info.kind in (SEQUENCE, MEMBERS) or isinstance(part, tuple | frozenset):
        return [] if isinstance(part, bytearray) else list(part)
    if info.kind in (VIEW, ITERATOR):
        return sources(part)
    if not (info.deep or (instances and info.kind in (INSTANCE, FOREIGN))):
        return []
    if info.kind != SKIP:
        read_whole_instance(part)
    slots = [slot for slot in getattr(type(part), "__slots__", ()) if slot[:2] != "__"]
    return [*getattr(part, "__dict__", {}).values(), *(getattr(part, slot, None) for slot in slots)]


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
