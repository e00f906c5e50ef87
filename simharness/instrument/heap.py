"""The names of Python objects: what a key of the heap is called, in every execution alike.

An object that is born in instrumented code gets a causal name at its birth. Everything else (born in foreign code,
or before the execution) shares the static name of its type, unless it is a variable of a module or of the program's
closure. Naming by first touch would be simpler and wrong: the name would depend on the schedule.
"""

from __future__ import annotations

import asyncio
import enum
import sys
import types
import weakref
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from simharness.core import name
from simharness.core.footprint import recorder
from simharness.instrument import kinds

# With more registered containers than this the refcount sweep runs only each time their number has doubled.
_SWEEP_ALWAYS = 512


# Keys of these exact types are looked up by value: hashing others may run code of the program. Equal ones of different
# types are one key, and have one text.
REMEMBERED = frozenset((str, int, Decimal, bool))


class Entry:
    """The keys of one named object, interned on first use.

    ``members`` stands for "all parts", ``order`` for the order in which they joined, ``whole`` for a write that may
    have hit any of them.
    """

    __slots__ = ("as_mapping", "attributes", "members", "order", "owner", "rows", "whole")

    def __init__(self, owner: int) -> None:
        self.owner = owner
        self.members = name.member(owner, "*members")
        self.order = name.member(owner, "*order")
        self.whole = name.member(owner, "*whole")
        self.rows: dict[Any, int] = {}
        # Only attributes that no class can define otherwise: the hooks look here first and last.
        self.attributes: dict[str, int] = {}
        self.as_mapping: Entry | None = None

    def attribute(self, attribute: str, *, fast: bool = False) -> int:
        """Return the key of one attribute.

        Args:
            attribute: its name.
            fast: the class says nothing about it, so that later accesses need this key only.
        """
        key = name.member(self.owner, "." + attribute)
        recorder.members[key] = self.members
        if fast:
            self.attributes[attribute] = key
        return key

    def row(self, item: Any) -> int | None:
        """Return the key of one item of a mapping or a set; None if only the whole can stand for it."""
        plain = type(item) in REMEMBERED
        key = self.rows.get(item) if plain else None
        if key is None:
            text = row_text(item)
            if text is None:
                return None
            key = name.member(self.owner, text)
            recorder.members[key] = self.members
            recorder.wholes[key] = self.whole
            if plain:
                self.rows[item] = key
        return key


class AttributeRows(Entry):
    """The ``__dict__`` of an instance: its items are the attributes of the instance."""

    __slots__ = ("_instance",)

    def __init__(self, instance: Entry) -> None:
        super().__init__(instance.owner)
        self._instance = instance

    def row(self, item: Any) -> int | None:
        """Return the key of the attribute that ``item`` names."""
        return self._instance.attribute(item) if type(item) is str else None


def row_text(item: Any) -> str | None:  # noqa: PLR0911 — one way out for each type of key
    """Return a text that is equal for equal keys of a dict, whatever their types; None if there is no such text."""
    kind = type(item)
    if kind is str or kind is bytes:
        return f"[{item!r}]"
    if kind is int or kind is bool:
        return f"[{int(item)}]"
    if item is None:
        return "[None]"
    if kind is float or kind is Decimal:
        # 1 == 1.0 == Decimal(1) are one key of a dict: the ratio is the common spelling.
        try:
            over, under = item.as_integer_ratio()
        except (ValueError, OverflowError):
            return None
        return f"[{over}]" if under == 1 else f"[{over}/{under}]"
    if kind is tuple:
        parts = [row_text(part) for part in item]
        return None if None in parts else f"[({', '.join(map(str, parts))})]"
    if isinstance(item, enum.Enum):
        value = item.value
        if isinstance(item, str | int):
            return row_text(str.__str__(item) if isinstance(item, str) else int(item))
        return f"[{kind.__module__}.{kind.__qualname__}.{item.name}]" if item.name and value is not None else None
    if asyncio.isfuture(item) and isinstance(key := getattr(item, "key", None), int):
        # Programs keep their tasks in sets: without rows, whoever starts one would race with whoever ends one.
        return f"[{name.text(key)}]"
    return None


class Column:
    """The keys of one attribute name by the addresses of the objects that were accessed under it.

    Rewritten code looks here before it calls a hook: who is found needs no more than its key. So only the hooks fill
    these, each its own, once they know that the class has no say in that access.
    """

    __slots__ = ("reads", "updates", "writes")

    def __init__(self) -> None:
        self.reads: dict[int, int] = {}
        self.writes: dict[int, int] = {}
        self.updates: dict[int, int] = {}

    def forget(self, address: int) -> None:
        """Drop an object."""
        self.reads.pop(address, None)
        self.writes.pop(address, None)
        self.updates.pop(address, None)

    def clear(self) -> None:
        """Drop all objects."""
        self.reads.clear()
        self.writes.clear()
        self.updates.clear()


# For good, like the dicts in them: rewritten code holds on to these.
columns: defaultdict[str, Column] = defaultdict(Column)


class Heap:
    """The registry of named objects of the running execution."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        # A container dies when nobody but the registry holds it; see sweep().
        self.kept: dict[int, Any] = {}
        self.watched: dict[int, weakref.ref[Any]] = {}
        self._coarse: dict[str, Entry] = {}
        self._static: dict[str, Entry] = {}
        self._sweep_at = _SWEEP_ALWAYS
        self._step = -1
        self._ordinal = 0

    def clear(self) -> None:
        """Forget every object; static names stay interned."""
        # In place: the hooks hold on to `entries`.
        self.watched.clear()
        self.entries.clear()
        self.kept.clear()
        for column in columns.values():
            column.clear()
        self._sweep_at = _SWEEP_ALWAYS
        self._step = -1

    def _hold(self, subject: Any, entry: Entry) -> None:
        """Keep the address of ``subject`` from being used again under its name.

        Weakly where that is possible: an object that outlives its last user would change the program (an identity
        map, a ``__del__``). Lists and dicts cannot be watched; sweep() releases them at the next step.
        """
        address = id(subject)
        entries, watched = self.entries, self.watched
        before = entries.get(address)
        if before is not None and before is not entry:
            _forget(address, before)
        entries[address] = entry

        def gone(_: Any) -> None:
            entry = entries.pop(address, None)
            watched.pop(address, None)
            if entry is not None:
                _forget(address, entry)

        try:
            watched[address] = weakref.ref(subject, gone)
        except TypeError:
            self.kept[address] = subject

    def sweep(self) -> None:
        """Release the containers that only the registry holds."""
        kept, entries = self.kept, self.entries
        while True:
            # 3: the registry, the loop variable and the argument of getrefcount.
            dead = [address for address, subject in kept.items() if sys.getrefcount(subject) <= 3]
            if not dead:
                break
            for address in dead:
                del kept[address]
                entry = entries.pop(address, None)
                if entry is not None:
                    _forget(address, entry)
        self._sweep_at = max(_SWEEP_ALWAYS, 2 * len(kept))

    def born(self, subject: Any, kind: str) -> Entry:
        """Give ``subject`` a causal name; the caller vouches that it did not exist before this step."""
        if not recorder.active:
            return self._hold_coarse(subject)
        entry = Entry(self.fresh(kind))
        self._hold(subject, entry)
        return entry

    def fresh(self, kind: str) -> int:
        """Return a causal name for something that the running step makes.

        Counted apart from ``recorder.fresh``: the names of tasks and replies must be the same in executions that
        record no footprints, where nothing is counted here.
        """
        if recorder.begun != self._step:
            self._step = recorder.begun
            self._ordinal = 0
            if len(self.kept) <= _SWEEP_ALWAYS or len(self.kept) >= self._sweep_at:
                self.sweep()
        self._ordinal += 1
        return name.causal("heap " + kind, recorder.process, recorder.step, self._ordinal)

    def of(self, subject: Any) -> Entry:
        """Return the keys of ``subject``; an object that nobody announced gets the name of its type."""
        entry = self.entries.get(id(subject))
        return self._hold_coarse(subject) if entry is None else entry

    def _hold_coarse(self, subject: Any) -> Entry:
        kind = type(subject)
        if kind is types.FunctionType:
            title = f"function {subject.__module__}.{subject.__qualname__}"
        else:
            title = f"heap {kind.__module__}.{kind.__qualname__}"
        entry = self._coarse.get(title)
        if entry is None:
            entry = self._coarse[title] = Entry(name.static(title))
        self._hold(subject, entry)
        return entry

    def namespace(self, subject: Any) -> None:
        """Name the ``__dict__`` of an instance: its items are the attributes of the instance."""
        space = getattr(subject, "__dict__", None)
        if type(space) is dict:
            entry = self.of(subject)
            if entry.as_mapping is None:
                entry.as_mapping = AttributeRows(entry)
            self._hold(space, entry.as_mapping)

    def static(self, subject: Any, title: str) -> None:
        """Give an object that exists before the execution the name of the variable that holds it."""
        if id(subject) in self.entries or kinds.of(type(subject)).kind not in kinds.NAMED:
            return
        entry = self._static.get(title)
        if entry is None:
            entry = self._static[title] = Entry(name.static("heap " + title))
        self._hold(subject, entry)


def _forget(address: int, entry: Entry) -> None:
    for attribute in entry.attributes:
        columns[attribute].forget(address)


heap = Heap()


def begin_execution(roots: Iterable[tuple[str, Mapping[str, Any], Iterable[str]]] = ()) -> None:
    """Forget the last execution and name what exists before this one.

    Args:
        roots: ``(title, namespace, names)``: variables whose objects are named ``title.name``.
    """
    heap.clear()
    for title, namespace, names in roots:
        # Sorted by the caller: the first variable that holds an object names it.
        for variable in names:
            if variable in namespace:
                heap.static(namespace[variable], f"{title}.{variable}")


def end_execution() -> None:
    """Release every object of the execution."""
    heap.clear()
    kinds.forget_local_classes()
