"""Futures and tasks that report to the recorder who looks at them and who completes them.

They subclass the C types, so the coroutine machinery is asyncio's own. A completion that nobody's footprint shows
would let the explorer take two racing completions for independent.
"""

from __future__ import annotations

import asyncio
import dis
from asyncio import futures, tasks
from asyncio.events import _get_running_loop
from collections.abc import Callable, Generator
from contextvars import Context
from functools import cache, partial
from types import CellType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from simharness.core import name
from simharness.core.footprint import recorder

if TYPE_CHECKING:
    _FutureBase = asyncio.Future[Any]
    _TaskBase = asyncio.Task[Any]
    _Mixin = _FutureBase
else:
    _FutureBase = futures.Future
    _TaskBase = tasks.Task
    _Mixin = object


# Marks classes whose instances report their own accesses.
KEYED = "_simharness_keyed"

# Values that never change. Of a variable that holds one, only an assignment matters.
_CONSTANT = (int, float, complex, str, bytes, type(None), type, ModuleType, FunctionType, CodeType)
_ASSIGNMENTS = ("STORE_DEREF", "DELETE_DEREF")


@cache
def _assigned(code: CodeType) -> tuple[bool, ...]:
    """Return for each free variable of a function whether the function assigns to it."""
    stored = {instruction.argval for instruction in dis.get_instructions(code) if instruction.opname in _ASSIGNMENTS}
    return tuple([variable in stored for variable in code.co_freevars])


def closure_keys(callback: object) -> list[int]:
    """Return the keys of the variables that a callback shares with the function around it.

    ``gather`` and ``wait`` count their completions in a closure: without a key, two completions would look like two
    reads and the orders of completion would be lost. The keys are those of the variables, not of the callback:
    ``as_completed`` shares one set between the callback of a completion and that of its timeout.
    """
    while isinstance(callback, partial):
        callback = callback.func
    function: Any = getattr(callback, "__func__", callback)
    closure = getattr(function, "__closure__", None)
    if closure is None:
        return []
    known: dict[int, tuple[CellType, int]] = getattr(_get_running_loop(), "cells", {})
    keys = []
    for cell, assigned in zip(closure, _assigned(function.__code__), strict=True):
        if not assigned and _is_known(cell):
            continue
        entry = known.get(id(cell))
        if entry is None:
            # The entry keeps the cell alive: as long as the execution lasts, its address is nobody else's.
            entry = known[id(cell)] = (cell, recorder.fresh("variable"))
        keys.append(entry[1])
    return keys


def _is_known(cell: CellType) -> bool:
    try:
        content = cell.cell_contents
    except ValueError:
        return True  # nothing in it yet
    # By class: asking the instance would be an access of it.
    kind = type(content)
    return issubclass(kind, _CONSTANT) or hasattr(kind, KEYED)


class _Keyed(_Mixin):
    """What futures and tasks report alike: who looks at them reads their key, who changes them writes it."""

    _simharness_keyed = True

    key: int

    def __hash__(self) -> int:
        # TaskGroup and wait() iterate over sets of futures: by address, their order would differ from run to run.
        return name.fingerprint(self.key)

    def done(self) -> bool:
        recorder.read(self.key)
        return super().done()

    def result(self) -> Any:
        recorder.read(self.key)
        return super().result()

    def exception(self) -> BaseException | None:
        recorder.read(self.key)
        return super().exception()

    def cancelled(self) -> bool:
        recorder.read(self.key)
        return super().cancelled()

    def add_done_callback(self, fn: Callable[..., object], *, context: Context | None = None) -> None:
        recorder.write(self.key)
        closure_keys(fn)
        super().add_done_callback(fn, context=context)

    def remove_done_callback(self, fn: Callable[..., object]) -> int:
        recorder.write(self.key)
        return super().remove_done_callback(fn)

    def cancel(self, msg: Any = None) -> bool:
        recorder.write(self.key)
        return super().cancel(msg)

    def __await__(self) -> Generator[Any, None, Any]:
        recorder.read(self.key)
        return super().__await__()

    __iter__ = __await__


class TrackedFuture(_Keyed, _FutureBase):
    """A future whose state is a key."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.key = recorder.fresh("future")
        super().__init__(loop=loop)

    def set_result(self, result: Any) -> None:
        recorder.write(self.key)
        super().set_result(result)

    def set_exception(self, exception: Any) -> None:
        recorder.write(self.key)
        super().set_exception(exception)


class TrackedTask(_Keyed, _TaskBase):
    """A task whose state is a key, with a causal name instead of a counted one."""

    def __init__(self, coro: Any, **options: Any) -> None:
        self.key = recorder.fresh("task")
        self._given_name = options.get("name")
        options.setdefault("name", "task")
        if options["name"] is None:
            options["name"] = "task"
        loop = options.get("loop")
        if loop is not None and hasattr(loop, "adopt"):
            loop.adopt(self)
        super().__init__(coro, **options)

    def get_name(self) -> str:
        """Return the given name, or the causal one: ``Task-7`` would depend on the schedule."""
        given = super().get_name()
        return given if self._given_name is not None or given != "task" else name.text(self.key)

    def cancelling(self) -> int:
        recorder.read(self.key)
        return super().cancelling()

    def uncancel(self) -> int:
        recorder.write(self.key)
        return super().uncancel()


def is_done(task: asyncio.Future[Any]) -> bool:
    """Return whether a future is done, without recording that anybody asked."""
    return _FutureBase.done(task)  # a task is a future; its own method would record


def unseen_exception(task: asyncio.Future[Any]) -> BaseException | None:
    """Return the exception of a finished task that nobody retrieved, without retrieving it for the program."""
    if not is_done(task) or not getattr(task, "_log_traceback", False):
        return None
    error = task._exception  # exception() would mark it as seen
    return error if isinstance(error, BaseException) else None
