"""The hooks that rewritten code calls around calls.

A call of instrumented code needs nothing: that code reports for itself. A built-in method of a container reads or
writes the container. Anything else is looked up in the library table; what is not there may touch the whole heap.
"""

from __future__ import annotations

import functools
import types
from inspect import CO_GENERATOR, getattr_static
from typing import Any

from simharness.core import name as names
from simharness.core.footprint import recorder
from simharness.instrument import attributes, foreign, items, kinds, library
from simharness.instrument.containers import KEYED_EFFECTS, METHODS, READING, Effect
from simharness.instrument.foreign import instrumented_codes
from simharness.instrument.heap import REMEMBERED, heap
from simharness.instrument.kinds import CONTAINERS, infos, of
from simharness.instrument.library import Scope
from simharness.instrument.standins import BoundMethod, Via


def method(subject: Any, method: str) -> Any:
    """Record the call ``subject.method(…)`` and return what to call ``method`` of."""
    if not recorder.active:
        return subject
    kind = type(subject)
    info = infos.get(kind) or of(kind)
    known = info.calls.get(method)
    if known is True:
        return subject
    if known is _WRITING:
        items.write_members(_entry_of(id(subject)) or heap.of(subject))
        return subject
    return _method_slowly(subject, kind, info, method)


# A method of a container that changes the container, whatever its arguments.
_WRITING: Any = object()
_entry_of = heap.entries.get
_touch = recorder.touched.add
_change = recorder.changed.add


def _method_slowly(  # noqa: C901, PLR0911 — one way out for each kind of object
    subject: Any, kind: type, info: kinds.TypeInfo, method: str
) -> Any:
    sort = info.kind
    if sort in CONTAINERS:
        effect = container_effect(kind, info, method)
        if effect in KEYED_EFFECTS or effect is Effect.NOTHING:
            kinds.quieten(kind, info, method)  # the hook of the key records it
            return subject
        if effect is Effect.WRITE:
            info.calls[method] = _WRITING
        if effect is not None:
            return _on_container(subject, method, effect)
    if sort == kinds.SUPER:
        return _on_super(subject, method)
    if sort in (kinds.MODULE, kinds.CLASS):
        target = getattr(subject, method, None)
        if id(target) in _quiet:
            return subject
        attributes.read_attribute(subject, method)
        if type(target) is types.BuiltinFunctionType and _is_quiet(target):
            _quiet[id(target)] = target
        return _through(subject, method, target)
    static = getattr_static(kind, method, None)
    if static is None or not isinstance(static, _METHOD_KINDS):
        return _dynamic(subject, info, method)
    if _is_quiet(static):
        kinds.quieten(kind, info, method)
        return subject
    if sort in (kinds.OPAQUE, kinds.ITERATOR, kinds.FOREIGN):
        items.write_whole(subject)  # also by a method that it has from elsewhere, such as MutableMapping.update
    elif sort == kinds.VIEW:
        items.value(subject)
    return _through(subject, method, static, kind)


_METHOD_KINDS = (
    *(types.FunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, types.BuiltinFunctionType),
    *(staticmethod, classmethod, types.ClassMethodDescriptorType),
)


# Functions of modules that never need a hook, by identity.
_quiet: dict[int, Any] = {}


def _is_quiet(static: Any) -> bool:
    """Return whether calls of this class attribute never need a hook."""
    function = getattr(static, "__func__", static)
    code = getattr(function, "__code__", None)
    if code is not None and id(code) in instrumented_codes:
        return not code.co_flags & CO_GENERATOR
    owner = getattr(function, "__objclass__", None)
    if owner is not None and owner.__module__ == "builtins":
        return of(owner).kind == kinds.SKIP  # str, int and the like: arguments are wrapped where they are written
    scope = library.scope_of(foreign.qualified_name(function))
    return scope in (Scope.PURE, Scope.TRACKED)


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
    attributes.read_attribute(subject, method)
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


def container_effect(kind: type, info: kinds.TypeInfo, method: str) -> Effect | None:
    """Return what a built-in method of a container does; None if the class of the program defines it."""
    try:
        return info.effects[method]  # type: ignore[no-any-return]  # kinds cannot name the type: it stands below
    except KeyError:
        pass
    static = getattr_static(kind, method, None)
    code = getattr(static, "__code__", None)
    ours = static is None or (code is not None and id(code) in instrumented_codes)
    effect = info.effects[method] = None if ours else METHODS[info.kind].get(method, Effect.WRITE)
    return effect


def _on_container(subject: Any, method: str, effect: Effect) -> Any:
    if effect in KEYED_EFFECTS or effect is Effect.NOTHING:
        return subject  # the hook of the key records it
    if effect is Effect.WRITE:
        items.write_whole(subject)
        return subject
    items.value(subject)
    if effect is Effect.COPY:
        return Via(method, functools.partial(foreign.named_result, getattr(subject, method)))
    return subject


def keyed(subject: Any, method: str, key: Any) -> Any:
    """Record the call ``subject.method(key, …)`` and return the key."""
    if not recorder.active:
        return key
    kind = type(subject)
    if kind is dict and type(key) in REMEMBERED:
        entry = _entry_of(id(subject))
        row = None if entry is None else entry.rows.get(key)
        effect = _OF_DICTS.get(method)
        if row is not None and effect is not None and (effect is Effect.READ_ROW or key in subject):
            (_change if effect in _STORING else _touch)(row)
            return key
    if kind is super:
        _keyed_super(subject, method, key)
        return key
    info = infos.get(kind) or of(kind)
    if method in _ATTRIBUTE_METHODS:
        _by_name(subject, method, key)
    elif info.kind in CONTAINERS:
        effect = container_effect(kind, info, method)
        if effect in KEYED_EFFECTS:
            on_row(subject, effect, key)
    elif method in READING:
        items.value(key)
    return key


_OF_DICTS = {method: effect for method, effect in METHODS[kinds.MAPPING].items() if effect in KEYED_EFFECTS}
# What these do to an item that is there.
_STORING = frozenset((Effect.WRITE_ROW, Effect.DROP_ROW))


def on_row(subject: Any, effect: Effect | None, key: Any) -> None:
    """Record a method that concerns one item of a mapping or a set."""
    entry = heap.of(subject)
    if effect is Effect.READ_ROW:
        items.read_row(entry, key)
        return
    try:
        there = key in subject
    except TypeError:
        return  # unhashable: the operation itself raises
    if there is (effect is Effect.ENSURE_ROW) and effect is not Effect.WRITE_ROW:
        items.read_row(entry, key)
    else:
        items.write_row(entry, key, new=not there and of(type(subject)).kind == kinds.MAPPING)


_ATTRIBUTE_METHODS = frozenset(("__setattr__", "__delattr__", "__getattribute__"))


def _by_name(subject: Any, method: str, attribute: Any) -> None:
    """Record an access to the attribute that an argument names."""
    if isinstance(attribute, str):
        reading = method == "__getattribute__"
        (attributes.read_attribute if reading else attributes.write_attribute)(subject, attribute)


def _keyed_super(subject: Any, method: str, key: Any) -> None:
    target = subject.__self__
    if method in _ATTRIBUTE_METHODS:
        _by_name(target, method, key)
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


def invoke(target: Any) -> Any:  # noqa: PLR0911 — one way out for each kind of callable
    """Record the call ``target(…)`` and return what to call."""
    if not recorder.active:
        return target
    kind = type(target)
    if kind is BoundMethod:
        return target  # it reports for itself
    if kind is types.FunctionType:
        code = target.__code__
        if id(code) in instrumented_codes:
            return functools.partial(foreign.named_result, target) if code.co_flags & CO_GENERATOR else target
        return foreign.foreign(target, target)
    if kind is types.MethodType:
        inner = target.__func__
        if type(inner) is types.FunctionType and id(inner.__code__) in instrumented_codes:
            return functools.partial(foreign.named_result, target) if inner.__code__.co_flags & CO_GENERATOR else target
        return foreign.foreign(target, inner)
    if isinstance(target, type):
        return foreign.construct(target)
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
            items.value(bound) if reading else items.write_whole(bound)
            return functools.partial(foreign.reading_call, target) if target.__name__ in READING else target
        return foreign.foreign(target, target)
    if kind is types.MethodDescriptorType or kind is types.WrapperDescriptorType:
        return functools.partial(_unbound_call, target)
    if isinstance(target, functools._lru_cache_wrapper):
        recorder.write(names.static(f"cache {target.__module__}.{target.__qualname__}"))
        return target
    call = getattr_static(kind, "__call__", None)
    if isinstance(call, types.FunctionType) and id(call.__code__) in instrumented_codes:
        return target
    if of(kind).kind == kinds.OPAQUE:
        items.value(target)
    return foreign.foreign(target, call if isinstance(call, types.FunctionType) else kind)


def _unbound_call(call: Any, /, *arguments: Any, **keywords: Any) -> Any:
    """Call ``dict.get(d, key)``: a method taken from its class."""
    if recorder.active and arguments:
        subject = arguments[0]
        if call.__name__ in _ATTRIBUTE_METHODS and len(arguments) > 1:
            _by_name(subject, call.__name__, arguments[1])
        elif of(type(subject)).kind in CONTAINERS:
            effect = METHODS[of(type(subject)).kind].get(call.__name__, Effect.WRITE)
            if effect in KEYED_EFFECTS and len(arguments) > 1:
                on_row(subject, effect, arguments[1])
            else:
                _on_container(subject, call.__name__, effect)
        foreign.read_arguments(arguments[1:], keywords)
    return call(*arguments, **keywords)


def apply(target: Any, /, *arguments: Any, **keywords: Any) -> Any:
    """Call ``target`` where its arguments wait for something, so that it must be looked at after them."""
    return invoke(target)(*arguments, **keywords)


def apply_method(subject: Any, method_name: str, /, *arguments: Any, **keywords: Any) -> Any:
    """Call ``subject.method(…)`` where its arguments wait for something."""
    if recorder.active and arguments:
        keyed(subject, method_name, arguments[0])
    return getattr(method(subject, method_name), method_name)(*arguments, **keywords)


BoundMethod.apply = staticmethod(apply_method)
