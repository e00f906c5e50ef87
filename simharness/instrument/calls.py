"""The hooks that rewritten code calls around calls.

A call of instrumented code needs nothing: that code reports for itself. A built-in method of a container reads or
writes the container. Anything else is looked up in the library table; what is not there may touch the whole heap.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Coroutine, Generator
from inspect import CO_COROUTINE, CO_GENERATOR, getattr_static
from typing import Any

from simharness.core import name as names
from simharness.core.footprint import PYHEAP, recorder
from simharness.instrument import access, kinds, library
from simharness.instrument.containers import KEYED_EFFECTS, METHODS, READING, Effect
from simharness.instrument.heap import heap
from simharness.instrument.kinds import CONTAINERS, infos, of
from simharness.instrument.library import Scope

# Code objects that report for themselves, by identity: hashing a code object costs more than the call.
instrumented_codes: dict[int, types.CodeType] = {}


class Via:
    """Stands in for an object in ``object.method(…)`` when the method must be called through a hook."""

    def __init__(self, method: str, call: Callable[..., Any]) -> None:
        setattr(self, method, call)


def method(subject: Any, method: str) -> Any:
    """Record the call ``subject.method(…)`` and return what to call ``method`` of."""
    if not recorder.active:
        return subject
    kind = type(subject)
    info = infos.get(kind) or of(kind)
    if info.calls.get(method) is True:
        return subject
    return _method_slowly(subject, kind, info, method)


def _method_slowly(subject: Any, kind: type, info: kinds.TypeInfo, method: str) -> Any:
    sort = info.kind
    if sort in CONTAINERS and method not in kind.__dict__:
        effect = _container_effect(kind, sort, method)
        if effect is not None:
            return _on_container(subject, method, effect)
    if sort == kinds.SUPER:
        return _on_super(subject, method)
    if sort in (kinds.MODULE, kinds.CLASS):
        access.read_attribute(subject, method)
        if sort == kinds.CLASS and method in ("__setattr__", "__delattr__", "__getattribute__"):
            return subject
        return _through(subject, method, getattr(subject, method, None))
    static = getattr_static(kind, method, None)
    if static is None or not isinstance(static, _METHOD_KINDS):
        return _dynamic(subject, info, method)
    if _is_quiet(static):
        info.calls[method] = True
        return subject
    if sort == kinds.OPAQUE or sort == kinds.ITERATOR:
        access.write_whole(subject)
    elif sort == kinds.VIEW:
        access.value(subject)
    return _through(subject, method, static, kind)


_METHOD_KINDS = (
    *(types.FunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, types.BuiltinFunctionType),
    *(staticmethod, classmethod, types.ClassMethodDescriptorType),
)


def _is_quiet(static: Any) -> bool:
    """Return whether calls of this class attribute never need a hook."""
    function = getattr(static, "__func__", static)
    code = getattr(function, "__code__", None)
    if code is not None and id(code) in instrumented_codes:
        return not code.co_flags & CO_GENERATOR
    owner = getattr(function, "__objclass__", None)
    if owner is not None and owner.__module__ == "builtins":
        return of(owner).kind == kinds.SKIP  # str, int and the like: arguments are wrapped where they are written
    scope = library.scope_of(_qualified(function))
    return scope is Scope.PURE or scope is Scope.TRACKED


def _qualified(function: Any) -> str:
    owner = getattr(function, "__objclass__", None)
    if owner is not None:
        return f"{owner.__module__}.{owner.__qualname__}.{function.__name__}"
    bound = getattr(function, "__self__", None)
    title = getattr(function, "__qualname__", None) or type(function).__qualname__
    module = getattr(function, "__module__", None)
    if module is None and bound is not None and not isinstance(bound, types.ModuleType):
        module = (bound if isinstance(bound, type) else type(bound)).__module__
    return f"{module}.{title}"


def _through(subject: Any, method: str, target: Any, kind: type | None = None) -> Any:
    """Return ``subject``, or a stand-in whose ``method`` is ``target`` behind a hook."""
    function = getattr(target, "__func__", target)
    hooked = invoke(function)
    if hooked is function:
        return subject
    if kind is None:
        return Via(method, hooked if function is target else invoke(getattr(subject, method)))
    return Via(method, invoke(getattr(subject, method)))


def _dynamic(subject: Any, info: kinds.TypeInfo, method: str) -> Any:
    """Hook the call of something that an instance holds."""
    access.read_attribute(subject, method)
    space = getattr(subject, "__dict__", None)
    if type(space) is dict and method in space:
        target = space[method]
    elif info.kind == kinds.SKIP and not hasattr(type(subject), "__getattr__"):
        return subject
    else:
        try:
            target = getattr(subject, method)
        except AttributeError:
            return subject  # raised again where it belongs
    hooked = invoke(target)
    return subject if hooked is target and type(space) is dict and method in space else Via(method, hooked)


def _container_effect(kind: type, sort: int, method: str) -> Effect | None:
    """Return what a built-in method does; None if the class of the program defines it."""
    static = getattr_static(kind, method, None)
    code = getattr(static, "__code__", None)
    if code is not None and id(code) in instrumented_codes:
        return None
    if static is None:
        return None
    return METHODS[sort].get(method, Effect.WRITE)


def _on_container(subject: Any, method: str, effect: Effect) -> Any:
    if effect in KEYED_EFFECTS or effect is Effect.NOTHING:
        return subject  # the hook of the key records it
    if effect is Effect.WRITE:
        access.write_whole(subject)
        return subject
    access.value(subject)
    if effect is Effect.COPY:
        return Via(method, functools.partial(_named_result, getattr(subject, method)))
    return subject


def keyed(subject: Any, method: str, key: Any) -> Any:
    """Record the call ``subject.method(key, …)`` and return the key."""
    if not recorder.active:
        return key
    kind = type(subject)
    if kind is super:
        _keyed_super(subject, method, key)
        return key
    info = infos.get(kind) or of(kind)
    if info.kind in CONTAINERS and info.calls.get(method) is not True:
        effect = _container_effect(kind, info.kind, method)
        if effect in KEYED_EFFECTS:
            on_row(subject, effect, key)
    elif method in READING:
        access.value(key)
    return key


def on_row(subject: Any, effect: Effect | None, key: Any) -> None:
    """Record a method that concerns one item of a mapping or a set."""
    entry = heap.of(subject)
    if effect is Effect.READ_ROW:
        access.read_row(entry, key)
        return
    try:
        there = key in subject
    except TypeError:
        return  # unhashable: the operation itself raises
    if effect is Effect.ENSURE_ROW and there or effect is Effect.DROP_ROW and not there:
        access.read_row(entry, key)
    else:
        access.write_row(entry, key, new=not there and of(type(subject)).kind == kinds.MAPPING)


def _keyed_super(subject: Any, method: str, key: Any) -> None:
    target = subject.__self__
    if method in ("__setattr__", "__delattr__"):
        access.write_attribute(target, key)
    elif method == "__getattribute__":
        access.read_attribute(target, key)
    elif of(type(target)).kind in CONTAINERS:
        effect = METHODS[of(type(target)).kind].get(method, Effect.WRITE)
        if effect in KEYED_EFFECTS:
            on_row(target, effect, key)


def _on_super(subject: Any, method: str) -> Any:
    bound = getattr(subject, method, None)
    function = getattr(bound, "__func__", None)
    if function is not None:
        return _through(subject, method, bound)
    target = subject.__self__
    sort = of(type(target)).kind
    if sort in CONTAINERS:
        return _on_container(target, method, METHODS[sort].get(method, Effect.WRITE)) and subject
    return subject


def invoke(target: Any) -> Any:
    """Record the call ``target(…)`` and return what to call."""
    if not recorder.active:
        return target
    kind = type(target)
    if kind is types.FunctionType:
        code = target.__code__
        if id(code) in instrumented_codes:
            return functools.partial(_named_result, target) if code.co_flags & CO_GENERATOR else target
        return _foreign(target, target)
    if kind is types.MethodType:
        inner = target.__func__
        if type(inner) is types.FunctionType and id(inner.__code__) in instrumented_codes:
            return functools.partial(_named_result, target) if inner.__code__.co_flags & CO_GENERATOR else target
        return _foreign(target, inner)
    if isinstance(target, type):
        return _construct(target)
    if kind is functools.partial:
        hooked = invoke(target.func)
        return target if hooked is target.func else functools.partial(hooked, *target.args, **target.keywords)
    return _invoke_object(target, kind)


def _invoke_object(target: Any, kind: type) -> Any:
    if kind is types.BuiltinFunctionType or kind is types.MethodWrapperType:
        bound = target.__self__
        sort = of(type(bound)).kind
        if sort in CONTAINERS:
            effect = METHODS[sort].get(target.__name__, Effect.WRITE)
            # Called through a variable, so that the key is not seen: the whole container.
            reading = effect in (Effect.READ, Effect.READ_ROW, Effect.COPY)
            access.value(bound) if reading else access.write_whole(bound)
            return functools.partial(_reading_call, target) if target.__name__ in READING else target
        return _foreign(target, target)
    if kind is types.MethodDescriptorType or kind is types.WrapperDescriptorType:
        return functools.partial(_unbound_call, target)
    if isinstance(target, functools._lru_cache_wrapper):
        recorder.write(names.static(f"cache {target.__module__}.{target.__qualname__}"))
        return target
    call = getattr_static(kind, "__call__", None)
    if isinstance(call, types.FunctionType) and id(call.__code__) in instrumented_codes:
        return target
    if of(kind).kind == kinds.OPAQUE:
        access.value(target)
    return _foreign(target, call if isinstance(call, types.FunctionType) else kind)


def _foreign(target: Any, named: Any) -> Any:
    """Return ``target`` behind the hook that its row in the library table asks for."""
    qualified = _qualified(named)
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
    return functools.partial(
        _reading_call, target, whole=qualified.startswith(("copy.", "dataclasses.", "builtins.vars"))
    )


def _construct(kind: type) -> Any:
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
    if not access.makes_new(kind):
        return _reading_call if scope is not Scope.PURE and not issubclass(kind, BaseException) else _QUIET
    if sort in (kinds.INSTANCE, kinds.OPAQUE) and kind.__new__ is object.__new__:
        return _named_result if initialise is object.__init__ else _initialised
    if sort in kinds.NAMED:
        return _QUIET if issubclass(kind, BaseException) else _reading_named
    return _QUIET if scope in (Scope.PURE, Scope.TRACKED) else _reading_call


def _initialised(kind: type, /, *arguments: Any, **keywords: Any) -> Any:
    if recorder.active:
        _read_arguments(arguments, keywords)
    created = object.__new__(kind)
    if recorder.active:
        heap.born(created, kind.__qualname__)
    kind.__init__(created, *arguments, **keywords)
    return created


def _read_arguments(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    for argument in arguments:
        access.deep(argument)
    for argument in keywords.values():
        access.deep(argument)


def _named_result(call: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    return name_result(call(*arguments, **keywords), arguments)


def name_result(result: Any, arguments: tuple[Any, ...]) -> Any:
    """Name a result that is new unless it is one of the arguments."""
    if recorder.active and of(type(result)).kind in kinds.NAMED and id(result) not in heap.entries:
        if not any(result is argument for argument in arguments):
            heap.born(result, type(result).__qualname__)
    return result


def _reading_call(call: Callable[..., Any], /, *arguments: Any, whole: bool = False, **keywords: Any) -> Any:
    if recorder.active:
        _read_arguments(arguments, keywords)
        if whole and arguments:
            access.deep(arguments[0], instances=True)
    return call(*arguments, **keywords)


def _reading_named(call: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    if recorder.active:
        _read_arguments(arguments, keywords)
    return name_result(call(*arguments, **keywords), arguments)


def _glancing_call(call: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    if recorder.active:
        for argument in arguments:
            if of(type(argument)).kind in CONTAINERS:
                access.value(argument)
    return call(*arguments, **keywords)


def _mutating_call(call: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    if recorder.active and arguments:
        _read_arguments(arguments[1:], keywords)
        access.value(arguments[0])
        access.write_whole(arguments[0])
    return call(*arguments, **keywords)


def _unbound_call(call: Any, /, *arguments: Any, **keywords: Any) -> Any:
    """Call ``dict.get(d, key)``: a method taken from its class."""
    if recorder.active and arguments:
        subject = arguments[0]
        if call.__name__ in ("__setattr__", "__delattr__") and len(arguments) > 1:
            access.write_attribute(subject, arguments[1])
        elif call.__name__ == "__getattribute__" and len(arguments) > 1:
            access.read_attribute(subject, arguments[1])
        elif of(type(subject)).kind in CONTAINERS:
            effect = METHODS[of(type(subject)).kind].get(call.__name__, Effect.WRITE)
            if effect in KEYED_EFFECTS and len(arguments) > 1:
                on_row(subject, effect, arguments[1])
            else:
                _on_container(subject, call.__name__, effect)
        _read_arguments(arguments[1:], keywords)
    return call(*arguments, **keywords)


def _new_inside_out(call: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    if recorder.active:
        for argument in arguments:
            access.deep(argument, instances=True)
        _read_arguments((), keywords)
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
            access_everything()
            try:
                waiting = resume()
            except StopIteration as done:
                return done.value
            try:
                sent = yield waiting
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as error:  # noqa: BLE001 — handed on to the coroutine, which decides
                resume = functools.partial(steps.throw, error)
            else:
                resume = functools.partial(steps.send, sent)


def access_everything() -> None:
    """Record that unknown code ran."""
    recorder.write(PYHEAP)


async def _charged(inner: Coroutine[Any, Any, Any]) -> Any:
    return await _Unknown(inner)


def _unknown_coroutine(call: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    return _charged(call(*arguments, **keywords))


def apply(target: Any, /, *arguments: Any, **keywords: Any) -> Any:
    """Call ``target`` where its arguments wait for something, so that it must be looked at after them."""
    return invoke(target)(*arguments, **keywords)


def apply_method(subject: Any, method_name: str, /, *arguments: Any, **keywords: Any) -> Any:
    """Call ``subject.method(…)`` where its arguments wait for something."""
    if recorder.active and arguments:
        keyed(subject, method_name, arguments[0])
    return getattr(method(subject, method_name), method_name)(*arguments, **keywords)
