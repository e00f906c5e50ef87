"""Calls of code that is not instrumented: what its row in the library table asks for."""

from __future__ import annotations

import functools
import types
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Coroutine, Generator
from inspect import CO_COROUTINE
from operator import attrgetter
from typing import Any

from simharness.core.footprint import PYHEAP, recorder
from simharness.instrument import items, kinds, library
from simharness.instrument.heap import heap
from simharness.instrument.kinds import CONTAINERS, of
from simharness.instrument.library import Scope
from simharness.instrument.variables import makes_new

# Code objects that report for themselves, by identity: hashing a code object costs more than the call.
instrumented_codes: dict[int, types.CodeType] = {}


def qualified_name(function: Any) -> str:
    """Return the name of a callable as the library table spells it."""
    owner = getattr(function, "__objclass__", None)
    if owner is not None:
        return f"{owner.__module__}.{owner.__qualname__}.{function.__name__}"
    bound = getattr(function, "__self__", None)
    title = getattr(function, "__qualname__", None) or type(function).__qualname__
    module = getattr(function, "__module__", None)
    if module is None and bound is not None and not isinstance(bound, types.ModuleType):
        module = (bound if isinstance(bound, type) else type(bound)).__module__
    return f"{module}.{title}"


def foreign(target: Any, named: Any) -> Any:  # noqa: PLR0911 — one way out for each scope
    """Return ``target`` behind the hook that its row in the library table asks for."""
    qualified = qualified_name(named)
    scope = library.scope_of(qualified)
    if scope is Scope.PURE:
        return target
    code = getattr(named, "__code__", None)
    if scope is Scope.HEAP:
        recorder.writes.add(PYHEAP)
        awaitable = code is not None and code.co_flags & CO_COROUTINE
        return functools.partial(_unknown_coroutine, target) if awaitable else target
    if qualified in library.FRESH_DEEP:
        return functools.partial(_new_inside_out, target)
    if qualified in library.FRESH:
        return functools.partial(_reading_named, target)
    if scope is Scope.MUTATOR:
        return functools.partial(_mutating_call, target)
    if scope is Scope.TRACKED:
        return functools.partial(_glancing_call, target)
    return functools.partial(reading_call, target, whole=qualified.startswith(_READ_INSTANCES))


# What reads the attributes of the instance that it is given first.
_READ_INSTANCES = ("copy.", "dataclasses.", "builtins.vars", "operator.attrgetter")


def construct(kind: type) -> Any:
    """Return what to call for ``kind(…)`` so that the new object is named before its ``__init__`` runs."""
    known = of(kind).calls
    mode = known.get("*construct")
    if mode is None:
        mode = known["*construct"] = _construction(kind)
    if mode is _HEAP:
        recorder.writes.add(PYHEAP)
        return kind
    return kind if mode is _QUIET else functools.partial(mode, kind)


_QUIET: Any = object()
_HEAP: Any = object()


def _construction(kind: type) -> Any:
    initialise = kind.__init__  # type: ignore[misc]  # looked at, not called
    code = getattr(initialise, "__code__", None)
    sort = of(kind).kind
    scope = library.scope_of(f"{kind.__module__}.{kind.__qualname__}")
    ours = kind.__module__ in kinds.instrumented_modules
    if code is not None and id(code) in instrumented_codes:
        return _QUIET
    if not ours and scope is Scope.HEAP:
        return _HEAP
    if not makes_new(kind):
        return reading_call if scope is not Scope.PURE and not issubclass(kind, BaseException) else _QUIET
    allocate: Any = kind.__new__
    if sort in (kinds.INSTANCE, kinds.OPAQUE) and allocate is object.__new__:
        return named_result if initialise is object.__init__ else _initialised
    if sort in kinds.NAMED:
        return _QUIET if issubclass(kind, BaseException) else _reading_named
    return _QUIET if scope in (Scope.PURE, Scope.TRACKED) else reading_call


def _initialised(kind: type, /, *arguments: Any, **keywords: Any) -> Any:
    if recorder.active:
        read_arguments(arguments, keywords)
    created: Any = object.__new__(kind)
    if recorder.active:
        heap.born(created, kind.__qualname__)
    type(created).__init__(created, *arguments, **keywords)
    if recorder.active:
        _name_defaults(created, [*arguments, *keywords.values()])
    return created


# What these factories return is new.
_FACTORIES = frozenset((list, dict, set, deque, OrderedDict, Counter))


def _name_defaults(created: Any, given: list[Any]) -> None:
    """Name the containers that the default factories of a dataclass made."""
    for field in getattr(created, "__dataclass_fields__", {}).values():
        if field.default_factory in _FACTORIES:
            made = getattr(created, field.name, None)
            if type(made) is field.default_factory and not any(made is argument for argument in given):
                name_result(made, ())


def read_arguments(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Record a read of all arguments and of everything in them."""
    given = [*arguments, *keywords.values()]
    # Who is given an attrgetter looks at attributes.
    instances = any(type(argument) is attrgetter for argument in given)
    for argument in given:
        items.deep(argument, instances=instances)


def named_result(call: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    """Call something that makes a new object, and name the object."""
    return name_result(call(*arguments, **keywords), arguments)


def name_result(result: Any, arguments: tuple[Any, ...]) -> Any:
    """Name a result that is new unless it is one of the arguments."""
    unknown = recorder.active and of(type(result)).kind in kinds.NAMED and id(result) not in heap.entries
    if unknown and not any(result is argument for argument in arguments):
        heap.born(result, type(result).__qualname__)
    return result


def reading_call(call: Callable[..., Any], /, *arguments: Any, whole: bool = False, **keywords: Any) -> Any:
    """Call something that reads its arguments."""
    if recorder.active:
        read_arguments(arguments, keywords)
        if whole and arguments:
            items.deep(arguments[0], instances=True)
    return call(*arguments, **keywords)


def _reading_named(call: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    if recorder.active:
        read_arguments(arguments, keywords)
    return name_result(call(*arguments, **keywords), arguments)


def _glancing_call(call: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    if recorder.active:
        for argument in arguments:
            if of(type(argument)).kind in CONTAINERS:
                items.value(argument)
    return call(*arguments, **keywords)


def _mutating_call(call: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    if recorder.active and arguments:
        read_arguments(arguments[1:], keywords)
        items.value(arguments[0])
        items.write_whole(arguments[0])
    return call(*arguments, **keywords)


def _new_inside_out(call: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    if recorder.active:
        for argument in arguments:
            items.deep(argument, instances=True)
        read_arguments((), keywords)
    return adopt(call(*arguments, **keywords))


def adopt(subject: Any) -> Any:
    """Name an object that foreign code made in this very step, and the new containers in it; return it.

    For seams that hand a payload to the program: without a name of its own it would share that of its type. An
    object that has a name keeps it.
    """
    if not recorder.active:
        return subject
    todo = [subject]
    while todo:
        part = todo.pop()
        sort = of(type(part)).kind
        if id(part) in heap.entries:
            continue
        if sort in kinds.NAMED:
            heap.born(part, type(part).__qualname__)
        if sort == kinds.MAPPING:
            todo += reversed(list(dict.values(part)))
        elif sort == kinds.SEQUENCE or type(part) is tuple:
            todo += [] if isinstance(part, bytearray) else reversed(list(part))
        elif sort == kinds.INSTANCE:
            todo += reversed(list(getattr(part, "__dict__", {}).values()))
    return subject


class _Unknown:
    """Awaits a foreign coroutine and charges the whole heap each time that its code goes on."""

    def __init__(self, inner: Coroutine[Any, Any, Any]) -> None:
        self._inner = inner

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._inner.__await__()
        resume: Callable[[], Any] = functools.partial(next, steps)
        while True:
            recorder.write(PYHEAP)
            try:
                waiting = resume()
            except StopIteration as done:
                return done.value
            try:
                sent = yield waiting
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as error:
                resume = functools.partial(steps.throw, error)
            else:
                resume = functools.partial(steps.send, sent)


async def _charged(inner: Coroutine[Any, Any, Any]) -> Any:
    return await _Unknown(inner)


def _unknown_coroutine(call: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    return _charged(call(*arguments, **keywords))
