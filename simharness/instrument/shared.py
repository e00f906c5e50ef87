"""A dict whose accesses are footprints without any instrumentation."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeVar

from simharness.core import name
from simharness.core.footprint import recorder
from simharness.instrument import items
from simharness.instrument.heap import Entry, heap

_K = TypeVar("_K")
_V = TypeVar("_V")
_MISSING: Any = object()


class SharedDict(dict[_K, _V]):
    """A dict that records every access of its items, whoever makes it.

    Different keys are independent. Iteration, length, comparison and ``**`` read all of it. New keys that join in
    another order make another dict, so two insertions depend on each other.
    """

    # Instrumented code leaves it alone.
    __simharness_tracked__ = True
    __slots__ = ("_entry",)
    __hash__ = None

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self._entry = Entry(heap.fresh("shared") if recorder.active else name.static("heap shared dict"))
        super().__init__(*arguments, **keywords)

    def _read(self, key: Any) -> None:
        if recorder.active:
            items.read_row(self._entry, key)

    def _write(self, key: Any) -> None:
        if recorder.active:
            items.write_row(self._entry, key, new=not dict.__contains__(self, key))

    def _read_all(self) -> None:
        if recorder.active:
            items.read_members(self._entry)

    def _write_all(self) -> None:
        if recorder.active:
            items.read_members(self._entry)
            items.write_members(self._entry)

    def __getitem__(self, key: _K) -> _V:
        self._read(key)
        return super().__getitem__(key)

    def __setitem__(self, key: _K, value: _V) -> None:
        self._write(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: _K) -> None:
        self._write(key)
        super().__delitem__(key)

    def __contains__(self, key: object) -> bool:
        self._read(key)
        return super().__contains__(key)

    def get(self, key: _K, default: Any = None) -> Any:
        """Read one item."""
        self._read(key)
        return super().get(key, default)

    def setdefault(self, key: _K, default: Any = None) -> Any:
        """Read one item, or write it if it is missing."""
        self._read(key) if dict.__contains__(self, key) else self._write(key)
        return super().setdefault(key, default)

    def pop(self, key: _K, default: Any = _MISSING) -> Any:
        """Remove one item."""
        self._write(key) if dict.__contains__(self, key) else self._read(key)
        return super().pop(key) if default is _MISSING else super().pop(key, default)

    def popitem(self) -> tuple[_K, _V]:
        """Remove the newest item, which any other insertion could have been."""
        self._write_all()
        return super().popitem()

    def clear(self) -> None:
        """Remove everything."""
        self._write_all()
        super().clear()

    def update(self, *arguments: Any, **keywords: Any) -> None:
        """Write each item of a mapping or of pairs."""
        for key, value in dict(*arguments, **keywords).items():
            self[key] = value

    def __ior__(self, other: Any) -> SharedDict[_K, _V]:  # type: ignore[override]  # returns the same object
        self.update(other)
        return self

    def __or__(self, other: Any) -> dict[Any, Any]:
        return dict(self.items()) | dict(other) if isinstance(other, dict) else NotImplemented

    def __ror__(self, other: Any) -> dict[Any, Any]:
        return dict(other) | dict(self.items()) if isinstance(other, dict) else NotImplemented

    # Overriding it also keeps the interpreter from copying the items behind our back in `{**shared}` and dict(shared).
    def __iter__(self) -> Iterator[_K]:
        return self._advance(super().__iter__())

    def __reversed__(self) -> Iterator[_K]:
        return self._advance(super().__reversed__())

    def _advance(self, keys: Iterator[_K]) -> Iterator[_K]:
        # Each item is read when it is asked for: the consumer may wait in between.
        while True:
            self._read_all()
            try:
                key = next(keys)
            except StopIteration:
                return
            yield key

    def __len__(self) -> int:
        self._read_all()
        return super().__len__()

    def __eq__(self, other: object) -> bool:
        self._read_all()
        if isinstance(other, SharedDict):
            other._read_all()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __repr__(self) -> str:
        self._read_all()
        return super().__repr__()

    def keys(self) -> KeysView[_K]:  # type: ignore[override]  # a view that reads through this dict
        """Return a view of the keys; using it reads the dict."""
        return KeysView(self)

    def values(self) -> ValuesView[_V]:  # type: ignore[override]  # as above
        """Return a view of the values; using it reads the dict."""
        return ValuesView(self)

    def items(self) -> ItemsView[_K, _V]:  # type: ignore[override]  # as above
        """Return a view of the items; using it reads the dict."""
        return ItemsView(self)

    def copy(self) -> dict[_K, _V]:
        """Return a plain dict with the same items."""
        return dict(self.items())

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[_K, _V]:
        from copy import deepcopy

        return deepcopy(self.copy(), memo)

    def __reduce__(self) -> tuple[Any, ...]:
        return (SharedDict, (self.copy(),))


def shared(mapping: Mapping[_K, _V] | Iterable[tuple[_K, _V]] = ()) -> SharedDict[_K, _V]:
    """Return a dict with the items of ``mapping`` whose accesses are tracked, one key of the footprint per item."""
    return SharedDict(mapping)
