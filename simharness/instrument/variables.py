"""The hooks of rewritten code for variables that several functions share, and for the birth of objects."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from simharness.core import name as names
from simharness.core.footprint import recorder
from simharness.instrument import kinds
from simharness.instrument.heap import heap


def cell(content: Any, frame: int | str, variable: str) -> Any:
    """Record the read of a variable of an enclosing function; ``content`` is its value."""
    if recorder.active:
        recorder.reads.add(names.member(frame if type(frame) is int else _shared_frame(frame), variable))
    return content


def write_cell(content: Any, frame: int | str, variable: str) -> Any:
    """Record a store to a variable that several functions share."""
    if recorder.active:
        recorder.writes.add(names.member(frame if type(frame) is int else _shared_frame(frame), variable))
    return content


def _shared_frame(title: int | str) -> int:
    # The function of the variable ran before it was instrumented, so that all its calls share one name.
    return names.static(str(title))


def frame(title: str) -> int | str:
    """Return the causal name of the running call, which its shared variables are named by."""
    return heap.fresh("frame") if recorder.active else title


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
        if kinds.of(kind).kind in kinds.NAMED and makes_new(kind):
            heap.born(subject, kind.__qualname__)


def makes_new(kind: type) -> bool:
    """Return whether calling ``kind`` always makes a new object."""
    new: Callable[..., Any] = kind.__new__
    return isinstance(new, types.BuiltinFunctionType) and type(kind).__call__ is type.__call__
