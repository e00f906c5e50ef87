"""Finds the holes of a certificate: code that ran and of which neither the rewriter nor the library table knows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from simharness.instrument import library
from simharness.instrument.foreign import instrumented_codes
from simharness.instrument.kinds import instrumented_modules


@contextmanager
def watch_modules() -> Iterator[set[str]]:
    """Collect the names of modules with unknown code that runs in this block.

    The set is filled while the block runs. A profile function that was set before is put back.
    """
    seen: set[str] = set()
    # Kept by object, not by id: code that dies would lend its address to other code.
    judged: dict[CodeType, None] = {}

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        if event != "call" or id(code) in instrumented_codes or code in judged:
            return
        judged[code] = None
        module = frame.f_globals.get("__name__", "?")
        if module in instrumented_modules and code.co_filename == "<string>" and code.co_name in _GENERATED:
            return  # of a dataclass: the hooks of whoever makes or compares an instance record what it reads
        if module.partition(".")[0] != "simharness" and library.row_of(f"{module}.{code.co_qualname}") is None:
            seen.add(module)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield seen
    finally:
        sys.setprofile(before)


_GENERATED = frozenset(
    ("__init__", "__eq__", "__repr__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__setattr__", "__delattr__")
)

# What runs without being part of a program: namespaces of generated code, the import system's hooks, the test runner.
_TOOLS = ("?", "namedtuple_", "__editable__", "_distutils_hack", "_pytest", "pluggy", "xdist")


def is_foreign(module: str) -> bool:
    """Return whether a module that :func:`watch_modules` saw is a hole: unknown, and neither tool nor stdlib."""
    return not module.startswith(_TOOLS) and module.partition(".")[0] not in sys.stdlib_module_names
