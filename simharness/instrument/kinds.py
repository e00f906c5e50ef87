"""How the objects of a type are tracked."""

from __future__ import annotations

import collections
import enum
import itertools
import types
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from simharness.instrument import library

# Plain integers: the fast paths compare them millions of times.
SKIP, INSTANCE, MAPPING, SEQUENCE, MEMBERS, CLASS, MODULE, VIEW, ITERATOR, SUPER, FUNCTION, OPAQUE, FOREIGN = range(13)
# Kinds with keys of their own.
NAMED = frozenset((INSTANCE, MAPPING, SEQUENCE, MEMBERS, ITERATOR, OPAQUE, FOREIGN))
CONTAINERS = frozenset((MAPPING, SEQUENCE, MEMBERS))

SCALARS: tuple[type, ...] = (int, str, float, bool, bytes, complex, type(None), type(Ellipsis), type(NotImplemented))
# The commonest immutable types: the hooks ask for them first.
QUIET: frozenset[type] = frozenset((*SCALARS, Decimal, datetime, date, timedelta))
_VIEWS: tuple[type, ...] = (
    type({}.keys()),
    type({}.values()),
    type({}.items()),
    type(collections.OrderedDict().keys()),
    type(collections.OrderedDict().values()),
    type(collections.OrderedDict().items()),
    types.MappingProxyType,
    memoryview,
)
_SAMPLES: tuple[Any, ...] = ([], {}, {}.values(), {}.items(), collections.deque(), (), "", set(), range(0))
_ITERATORS: tuple[type, ...] = (
    *(type(iter(source)) for source in _SAMPLES),
    *(type(reversed(source)) for source in _SAMPLES[:5]),
    *(enumerate, zip, map, filter, reversed, types.GeneratorType),
    *(kind for kind in vars(itertools).values() if isinstance(kind, type)),
    type(iter(int, 1)),
)
_CALLABLES: tuple[type, ...] = (
    *(types.BuiltinFunctionType, types.MethodType, types.MethodWrapperType, types.WrapperDescriptorType),
    *(types.MethodDescriptorType, types.ClassMethodDescriptorType, types.CodeType, types.CellType, types.FrameType),
    *(types.CoroutineType, types.AsyncGeneratorType, types.TracebackType, types.GenericAlias, types.UnionType, slice),
    *(property, staticmethod, classmethod, range, types.GetSetDescriptorType, types.MemberDescriptorType),
)


class TypeInfo:
    """What is known of a type: its kind, and for each attribute that its class defines what reading it touches."""

    __slots__ = ("attributes", "calls", "deep", "effects", "kind")

    def __init__(self, kind: int, *, deep: bool = False) -> None:
        self.kind = kind
        # Whether generated methods (__eq__, __repr__) read every field without being instrumented.
        self.deep = deep
        self.attributes: dict[str, Any] = {}
        self.calls: dict[str, Any] = {}
        self.effects: dict[str, Any] = {}


class Types(set[type]):
    """A set of types that can be a constant of a code object: those are hashed."""

    __hash__ = object.__hash__  # type: ignore[assignment]  # by identity


# For a method name, the types whose method of that name never needs a hook: rewritten code looks here first. What is in
# here is True in ``TypeInfo.calls``.
quiet_methods: defaultdict[str, Types] = defaultdict(Types)


def quieten(kind: type, info: TypeInfo, method: str) -> None:
    """Note that calls of a method never need a hook."""
    info.calls[method] = True
    quiet_methods[method].add(kind)


def unquieten(method: str, kinds: Iterable[type]) -> None:
    """Forget what is known of the calls of a method."""
    for kind in kinds:
        infos[kind].calls.pop(method, None)
    quiet_methods[method].difference_update(kinds)


_infos: dict[type, TypeInfo] = {kind: TypeInfo(SKIP) for kind in (*SCALARS, *_CALLABLES)}
_infos.update({kind: TypeInfo(VIEW) for kind in _VIEWS})
_infos.update({kind: TypeInfo(ITERATOR) for kind in _ITERATORS})
_infos[types.FunctionType] = TypeInfo(FUNCTION)
_infos[super] = TypeInfo(SUPER)
infos = _infos
_local: list[type] = []
# Modules whose code is instrumented right now; the instrumenter keeps it.
instrumented_modules: set[str] = set()


def of(kind: type) -> TypeInfo:
    """Return how objects of type ``kind`` are tracked."""
    info = _infos.get(kind)
    if info is None:
        info = _infos[kind] = _classify(kind)
        if "<locals>" in kind.__qualname__:
            _local.append(kind)
    return info


def forget_local_classes() -> None:
    """Drop classes that functions created: they would pile up over many executions."""
    for kind in _local:
        _infos.pop(kind, None)
    if _local:
        for known in quiet_methods.values():
            known.difference_update(_local)
    _local.clear()


def forget_all() -> None:
    """Drop everything that depends on which modules are instrumented."""
    for known in quiet_methods.values():
        known.clear()
    for kind in [kind for kind, info in _infos.items() if info.kind in (INSTANCE, OPAQUE, FOREIGN, MODULE, CLASS)]:
        del _infos[kind]
    for info in _infos.values():
        info.attributes.clear()
        info.calls.clear()
        info.effects.clear()
    _local.clear()


def _classify(kind: type) -> TypeInfo:  # noqa: PLR0911 — one way out for each kind
    if issubclass(kind, types.ModuleType):
        return TypeInfo(MODULE)
    if issubclass(kind, type):
        return TypeInfo(CLASS)
    if getattr(kind, "__simharness_tracked__", False) or issubclass(kind, enum.Enum):
        return TypeInfo(SKIP)
    if issubclass(kind, dict):
        return TypeInfo(MAPPING)
    if issubclass(kind, list | collections.deque | bytearray):
        return TypeInfo(SEQUENCE)
    if issubclass(kind, set):
        return TypeInfo(MEMBERS)
    parameters = kind.__dict__.get("__dataclass_params__")
    if parameters is not None and parameters.frozen:
        return TypeInfo(SKIP, deep=True)
    if issubclass(kind, tuple | frozenset):
        return TypeInfo(SKIP, deep=True)
    if issubclass(kind, SCALARS[:6]) and not hasattr(kind, "__dict__"):
        return TypeInfo(SKIP)
    return _classify_instance(kind)


def _classify_instance(kind: type) -> TypeInfo:
    generated = hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__pydantic_fields__")
    if issubclass(kind, BaseException):
        return TypeInfo(INSTANCE, deep=True)  # its text is made of its arguments
    if kind.__module__ in instrumented_modules:
        return TypeInfo(INSTANCE, deep=generated)
    scope = library.scope_of(f"{kind.__module__}.{kind.__qualname__}")
    if scope in (library.Scope.PURE, library.Scope.TASK, library.Scope.TRACKED, library.Scope.SEAM):
        return TypeInfo(SKIP)
    # OPAQUE: a library object that touches itself only. FOREIGN: its code may touch anything.
    return TypeInfo(FOREIGN if scope is library.Scope.HEAP else OPAQUE, deep=generated)
