"""Which function objects belong to a module or hang on a program: those whose code can be exchanged in place."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

from simharness.instrument.hooks import nested


def functions_of_module(module: types.ModuleType) -> Iterator[types.FunctionType]:
    """Yield the functions and methods that the names of a module reach and that its code defines."""
    yield from _walk(list(vars(module).values()), lambda owner: owner == module.__name__, globals_too=False)


def functions_of_program(program: Any) -> Iterator[types.FunctionType]:
    """Yield the program and what it reaches in its own module: closures, defaults, globals that its code names."""
    module = getattr(program, "__module__", None)
    yield from _walk([program], lambda owner: owner == module, globals_too=True)


def _walk(start: list[Any], belongs: Callable[[Any], bool], *, globals_too: bool) -> Iterator[types.FunctionType]:
    todo, seen = list(reversed(start)), set()
    while todo:
        subject = todo.pop()
        if id(subject) in seen:
            continue
        seen.add(id(subject))
        if isinstance(subject, types.FunctionType):
            if belongs(subject.__module__) and belongs(subject.__globals__.get("__name__")):
                yield subject
                if globals_too:
                    todo += _named_globals(subject)
            todo += _held_by(subject)
        elif isinstance(subject, type):
            if belongs(subject.__module__):
                todo += list(vars(subject).values())
        else:
            todo += _wrapped(subject)


def _held_by(function: types.FunctionType) -> list[Any]:
    held: list[Any] = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    held.append(getattr(function, "__wrapped__", None))
    for cell in function.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:
            continue  # not bound yet
    return [_class_of(subject) for subject in held]


def _named_globals(function: types.FunctionType) -> list[Any]:
    names = {name for code in nested(function.__code__) for name in code.co_names}
    space = function.__globals__
    return [_class_of(space[name]) for name in sorted(names) if name in space]


def _class_of(subject: Any) -> Any:
    """Return the class of an instance of the program, so that its methods are found too."""
    kind = type(subject)
    known = isinstance(subject, types.FunctionType | type | types.ModuleType) or kind.__module__ == "builtins"
    return subject if known or _wrapped(subject) else kind


def _wrapped(subject: Any) -> list[Any]:
    """Return the functions inside a descriptor or a wrapper."""
    if isinstance(subject, staticmethod | classmethod | types.MethodType):
        return [subject.__func__]
    if isinstance(subject, property):
        return [subject.fget, subject.fset, subject.fdel]
    if isinstance(subject, functools.cached_property | functools.partial | functools.partialmethod):
        return [subject.func]
    if isinstance(subject, functools.singledispatchmethod):
        return [subject.func]
    inner = getattr(type(subject), "__wrapped__", None)
    return [subject.__wrapped__] if inner is not None or isinstance(subject, functools._lru_cache_wrapper) else []
