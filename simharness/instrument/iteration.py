"""The hooks of rewritten code for loops and unpacking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simharness.core.footprint import recorder
from simharness.instrument.items import sources, value
from simharness.instrument.kinds import CONTAINERS, INSTANCE, ITERATOR, OPAQUE, VIEW, of


class Charged(Iterator[Any]):
    """An iterator that records a read of its sources each time it is advanced, for loops that are suspended.

    Args:
        iterable: what the loop runs over.
        nested: how deep the loop's target unpacks each item.
    """

    __slots__ = ("_iterator", "_nested", "_sources")

    def __init__(self, iterable: Any, nested: int) -> None:
        self._nested = nested
        kind = of(type(iterable)).kind
        self._sources = [iterable] if kind in CONTAINERS or kind in (OPAQUE, ITERATOR) else []
        self._iterator = iter(iterable)
        if kind in (VIEW, ITERATOR):
            # Found now: an iterator lets go of its container when it is exhausted.
            self._sources += sources(self._iterator)

    def __next__(self) -> Any:
        if recorder.active:
            for source in self._sources:
                value(source)
        result = next(self._iterator)
        if self._nested:
            unpack(result, self._nested)
        return result


# Their items are new tuples: unpacking one reads nothing.
_FLAT: tuple[type, ...] = (type({}.items()), enumerate, zip)


def iterate(iterable: Any, suspends: bool, nested: int) -> Any:
    """Record the iteration of a container.

    Args:
        iterable: what the loop runs over.
        suspends: the loop may wait between two items, so that each of them is a read of its own.
        nested: how deep the target unpacks each item.
    """
    if not recorder.active:
        return iterable
    if nested > 1 or (nested == 1 and not isinstance(iterable, _FLAT)):
        return Charged(value(iterable), nested)
    value(iterable)
    return Charged(iterable, 0) if suspends and of(type(iterable)).kind != INSTANCE else iterable


def unpack(subject: Any, nested: int) -> Any:
    """Record the reads of ``a, (b, c) = subject``."""
    if recorder.active:
        value(subject)
        if nested > 1 and isinstance(subject, tuple | list):
            for part in subject:
                unpack(part, nested - 1)
    return subject
