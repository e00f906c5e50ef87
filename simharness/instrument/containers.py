"""What the methods of built-in containers touch: data."""

from __future__ import annotations

from collections import deque
from enum import Enum

from simharness.instrument import kinds


class Effect(Enum):
    """What one call of a method does to the keys of its container."""

    READ = "read"
    WRITE = "write"
    READ_ROW = "read one item"
    WRITE_ROW = "write one item"
    ENSURE_ROW = "write one item if it is missing, else read it"
    DROP_ROW = "write one item if it is there, else read it"
    COPY = "read, and return a new container"
    NOTHING = "nothing"


_MAPPING = {
    **dict.fromkeys(("get", "__getitem__", "__contains__"), Effect.READ_ROW),
    "setdefault": Effect.ENSURE_ROW,
    **dict.fromkeys(("pop", "__delitem__"), Effect.DROP_ROW),
    "__setitem__": Effect.WRITE_ROW,
    **dict.fromkeys(("keys", "values", "items", "__len__", "__iter__", "__eq__", "__repr__"), Effect.READ),
    **dict.fromkeys(("copy", "most_common", "elements", "total", "__or__"), Effect.COPY),
    **dict.fromkeys(("__init__", "__class__", "__hash__", "__sizeof__", "fromkeys"), Effect.NOTHING),
    # __missing__ of a defaultdict stores, and everything that is not listed may.
}
_SEQUENCE = {
    **dict.fromkeys(("count", "index", "__getitem__", "__contains__", "__len__", "__iter__", "__eq__"), Effect.READ),
    **dict.fromkeys(("__repr__", "decode", "startswith", "endswith", "find", "hex"), Effect.READ),
    **dict.fromkeys(("copy", "__add__", "__mul__"), Effect.COPY),
    **dict.fromkeys(("__class__", "__hash__", "__sizeof__"), Effect.NOTHING),
}
_MEMBERS = {
    **dict.fromkeys(("__contains__",), Effect.READ_ROW),
    "add": Effect.ENSURE_ROW,
    **dict.fromkeys(("discard", "remove"), Effect.DROP_ROW),
    **dict.fromkeys(("isdisjoint", "issubset", "issuperset", "__len__", "__iter__", "__eq__", "__repr__"), Effect.READ),
    **dict.fromkeys(("copy", "union", "intersection", "difference", "symmetric_difference"), Effect.COPY),
    **dict.fromkeys(("__class__", "__hash__", "__sizeof__"), Effect.NOTHING),
}
METHODS: dict[int, dict[str, Effect]] = {
    kinds.MAPPING: _MAPPING,
    kinds.SEQUENCE: _SEQUENCE,
    kinds.MEMBERS: _MEMBERS,
}
KEYED_EFFECTS = frozenset((Effect.READ_ROW, Effect.WRITE_ROW, Effect.ENSURE_ROW, Effect.DROP_ROW))
# Methods whose first argument is a key: the rewriter passes it to the hook.
KEYED = frozenset(
    method for table in METHODS.values() for method, effect in table.items() if effect in KEYED_EFFECTS
) | {"__setattr__", "__delattr__", "__getattribute__"}
# Methods of built-in containers that concern all of the container; those that are not listed above count as writes.
WHOLE = frozenset(
    method
    for kind, table in ((dict, _MAPPING), (list, _SEQUENCE), (deque, _SEQUENCE), (set, _MEMBERS))
    for method in dir(kind)
    if method[:2] != "__" and table.get(method, Effect.WRITE) not in (*KEYED_EFFECTS, Effect.NOTHING)
)
# Built-in methods that read their arguments as a whole.
READING = frozenset(
    (
        *("join", "format", "format_map", "extend", "extendleft", "update", "union", "intersection", "difference"),
        *("symmetric_difference", "issubset", "issuperset", "isdisjoint", "intersection_update", "difference_update"),
        *("symmetric_difference_update", "subtract", "fromkeys", "writelines", "index", "count", "remove", "__eq__"),
        *("sort", "pop", "__contains__", "__or__", "__ior__", "__add__", "__iadd__"),
    )
)
