"""Causal names, interned to integers.

A name says *where a thing comes from* (which process created it, at which of its steps, as the how-manyeth
thing of that step), never when or at which address. So one thing has one name in every execution that reaches
its creation, in every process and under every PYTHONHASHSEED.

Three shapes share one table:

* ``static(text)``            a thing that exists before the program starts, or a key that is its own name
* ``causal(kind, process, step, ordinal)``   a thing that a step created
* ``member(owner, part)``     a part of a named thing (an attribute, an item)

The integers are handles for speed: they depend on the order of first use. Never sort by them, never print them.
"""

from __future__ import annotations

from hashlib import blake2b

ROOT_PROCESS_TEXT = "root"

_Shape = str | tuple[str, int, int, int] | tuple[int, str]

_ids: dict[_Shape, int] = {}
_shapes: list[_Shape] = []
_fingerprints: dict[int, int] = {}


def _intern(shape: _Shape) -> int:
    known = _ids.get(shape)
    if known is None:
        known = _ids[shape] = len(_shapes)
        _shapes.append(shape)
    return known


def static(text: str) -> int:
    """Return the name of something that exists without a cause, such as a table row or a link."""
    known = _ids.get(text)
    return _intern(text) if known is None else known


def causal(kind: str, process: int, step: int, ordinal: int) -> int:
    """Return the name of the ``ordinal``-th thing that step ``step`` of ``process`` created."""
    shape = (kind, process, step, ordinal)
    known = _ids.get(shape)
    return _intern(shape) if known is None else known


def member(owner: int, part: str) -> int:
    """Return the name of a part of ``owner``."""
    shape = (owner, part)
    known = _ids.get(shape)
    return _intern(shape) if known is None else known


ROOT = static(ROOT_PROCESS_TEXT)


def text(name: int) -> str:
    """Return the readable, process-independent form of a name."""
    shape = _shapes[name]
    if isinstance(shape, str):
        return shape
    if len(shape) == 2:
        return f"{text(shape[0])}.{shape[1]}"
    kind, process, step, ordinal = shape
    return f"{text(process)}/{step}.{ordinal}:{kind}"


def kind(name: int) -> str:
    """Return what sort of thing a name stands for: its creation kind, or the first word of a static text."""
    shape = _shapes[name]
    if isinstance(shape, str):
        return shape.partition(" ")[0]
    return kind(shape[0]) if len(shape) == 2 else shape[0]


def fingerprint(name: int) -> int:
    """Return 64 bits that depend only on the text of the name."""
    known = _fingerprints.get(name)
    if known is None:
        # Not text(): a deep causal path would be spelled out again for each of its descendants.
        shape = _shapes[name]
        if isinstance(shape, str):
            parts = shape
        elif len(shape) == 2:
            parts = f"{fingerprint(shape[0])}.{shape[1]}"
        else:
            parts = f"{shape[0]} {fingerprint(shape[1])} {shape[2]} {shape[3]}"
        known = _fingerprints[name] = int.from_bytes(blake2b(parts.encode(), digest_size=8).digest(), "big")
    return known


def shape(name: int) -> str | tuple[str, int, int, int] | tuple[int, str]:
    """Return what a name was made of: a text; kind, process, step and ordinal; or owner and part."""
    return _shapes[name]


def freeze(name: int) -> list[object]:
    """Return a JSON form of a name that ``thaw`` reads in any process."""
    shape = _shapes[name]
    if isinstance(shape, str):
        return [shape]
    if len(shape) == 2:
        return [freeze(shape[0]), shape[1]]
    return [shape[0], freeze(shape[1]), shape[2], shape[3]]


def thaw(form: list[object]) -> int:
    """Return the name that ``freeze`` wrote as ``form``."""
    match form:
        case [str(text_)]:
            return static(text_)
        case [list(owner), str(part)]:
            return member(thaw(owner), part)
        case [str(kind_), list(process), int(step), int(ordinal)]:
            return causal(kind_, thaw(process), step, ordinal)
    raise ValueError(f"not a frozen name: {form!r}")
