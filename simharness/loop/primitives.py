"""Keys for asyncio's own primitives: whoever touches a Lock, Event, Queue … writes it.

The hook sits on attribute access of the class, so it also sees what a task does when it resumes inside ``acquire``
or ``get``, where no method is called from outside. It is installed while an exploration runs and taken off again.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import futures, locks, queues, tasks
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from simharness.core import name
from simharness.core.footprint import recorder
from simharness.loop.futures import KEYED, TrackedFuture, TrackedTask, closure_keys
from simharness.loop.guard import remark

_KEY = "_simharness_key"

PRIMITIVES: tuple[type, ...] = (
    locks.Lock,
    locks.Event,
    locks.Condition,
    locks.Semaphore,
    locks.Barrier,
    queues.Queue,
    asyncio.TaskGroup,
    asyncio.Timeout,
    # From 3.13 on as_completed() keeps in an object what it kept in a closure.
    *([tasks._AsCompletedIterator] if hasattr(tasks, "_AsCompletedIterator") else []),
)

_GATHER: Any = tasks._GatheringFuture  # type: ignore[attr-defined]  # private, but the class that gather() returns
_GATHER_READS = ("done", "result", "exception", "cancelled")
_GATHER_WRITES = ("add_done_callback", "remove_done_callback", "set_result", "set_exception", "cancel")


def _key_of(instance: Any) -> int | None:
    try:
        key: int | None = object.__getattribute__(instance, _KEY)
    except AttributeError:
        # Made before the hook was installed: coarse, but the same in every execution.
        key = name.static(f"asyncio {type(instance).__qualname__}")
        object.__setattr__(instance, _KEY, key)
    return key


class _FreeList(int):
    """The key of a queue in which one of SQLAlchemy's pools keeps idle connections.

    Taking one and giving one back commute: which connection it is makes no difference to the program (the seams name a
    connection after its checkout), unless somebody has to wait for one. asyncio's Queue asks for its loop only to wait.
    """

    __slots__ = ()


_WAITING = "_get_loop"


# Locks inside of pooled connections have no key: which connection it is depends on the schedule, and whoever uses one
# connection from two tasks meets the key that its seam gives every checkout.
_POOLED = "sqlalchemy."


def _touch(instance: Any, attribute: str) -> None:
    """Record an access of a primitive whose key is not an ordinary one."""
    key = _key_of(instance)
    if key is None:
        return
    if type(key) is not _FreeList:
        recorder.writes.add(key)
    elif attribute == _WAITING:
        no_free_list(instance)
        recorder.writes.add(int(key))
    elif attribute != "_finished":
        recorder.adds.add(int(key))


def no_free_list(queue: Any) -> None:
    """From now on accesses of this queue do not commute, although a pool keeps its idle connections in it."""
    if _is_free_list(queue):
        object.__setattr__(queue, _KEY, int(object.__getattribute__(queue, _KEY)))


def _is_free_list(thing: object) -> bool:
    return isinstance(thing, queues.Queue) and type(object.__getattribute__(thing, "__dict__").get(_KEY)) is _FreeList


def _tracked_class(cls: type) -> dict[str, Any]:
    """Return the special methods that make every attribute access of ``cls`` a write of the instance's key."""
    original_init: Callable[..., None] = cls.__init__  # type: ignore[misc]  # the class itself, not an instance
    get, put = object.__getattribute__, object.__setattr__

    def __init__(self: Any, *args: Any, **options: Any) -> None:  # noqa: N807 — installed as a special method
        if sys._getframe(1).f_globals.get("__name__", "").startswith(_POOLED):
            put(self, _KEY, _FreeList(recorder.fresh(cls.__name__)) if cls is queues.Queue else None)
        elif cls is locks.Event and _is_free_list(sys._getframe(2).f_locals.get("self")):
            put(self, _KEY, None)  # the part of a queue that join() waits for; pools do not
        else:
            put(self, _KEY, recorder.fresh(cls.__name__))
        original_init(self, *args, **options)

    # A queue is asked for nearly forty attributes for one put() and get(), so what is ordinary needs no call here.
    def __getattribute__(self: Any, attribute: str) -> Any:  # noqa: N807 — installed as a special method
        if recorder.active and attribute[:2] != "__":
            try:
                key = get(self, _KEY)
            except AttributeError:
                key = None
            if type(key) is int:
                recorder.writes.add(key)
            else:
                _touch(self, attribute)
        return get(self, attribute)

    def __setattr__(self: Any, attribute: str, value: Any) -> None:  # noqa: N807 — installed as a special method
        if recorder.active:
            try:
                key = get(self, _KEY)
            except AttributeError:
                key = None
            if type(key) is int:
                recorder.writes.add(key)
            else:
                _touch(self, attribute)
        put(self, attribute, value)

    return {"__init__": __init__, "__getattribute__": __getattribute__, "__setattr__": __setattr__, KEYED: True}


def _tracked_gather() -> dict[str, Any]:
    """Return methods that give ``gather``'s future a key; its C base is not ours to subclass."""
    original_init = _GATHER.__init__
    original_await = _GATHER.__await__

    def __init__(self: Any, *args: Any, **options: Any) -> None:  # noqa: N807 — installed as a special method
        self.key = recorder.fresh("gather")
        original_init(self, *args, **options)

    def __await__(self: Any) -> Any:  # noqa: N807 — installed as a special method
        recorder.read(self.key)
        return original_await(self)

    methods: dict[str, Any] = {"__init__": __init__, "__await__": __await__, "__iter__": __await__, KEYED: True}
    for attribute in _GATHER_READS + _GATHER_WRITES:
        methods[attribute] = _recording(getattr(_GATHER, attribute), writes=attribute in _GATHER_WRITES)
    recorded = methods["set_result"]

    def set_result(self: Any, results: list[Any]) -> None:
        for result in results:
            # Cancelled ones are how a clean-up ends.
            if isinstance(result, Exception):
                text = f"{type(result).__name__}: {result}"
                remark("swallowed", f"gather(return_exceptions=True) hands out {text} as a value")
        recorded(self, results)

    return methods | {"set_result": set_result}


def _recording(original: Callable[..., Any], *, writes: bool) -> Callable[..., Any]:
    report = recorder.write if writes else recorder.read
    takes_callback = original.__name__ == "add_done_callback"

    def method(self: Any, *args: Any, **options: Any) -> Any:
        report(self.key)
        if takes_callback:
            closure_keys(args[0])
        return original(self, *args, **options)

    return method


def _replace(owner: Any, methods: dict[str, Any]) -> dict[str, Any]:
    """Set attributes and return what restores them; None stands for one that was inherited."""
    before = {attribute: vars(owner).get(attribute) for attribute in methods}
    for attribute, method in methods.items():
        setattr(owner, attribute, method)
    return before


def _restore(owner: Any, before: dict[str, Any]) -> None:
    for attribute, method in before.items():
        if method is None:
            delattr(owner, attribute)
        else:
            setattr(owner, attribute, method)


def _in_order(items: Iterable[Any] = ()) -> Any:
    """Stand in for ``set`` inside ``asyncio.tasks``: each item once, in the order of the caller.

    ``as_completed`` makes tasks of coroutines in the order of a set, which is that of their addresses.
    """
    unique = list(dict.fromkeys(items))
    return unique or set()


_depth = 0


@contextmanager
def tracked_asyncio() -> Iterator[None]:
    """Make asyncio's primitives, futures and tasks report to the recorder; may be nested."""
    global _depth  # noqa: PLW0603 — the classes of asyncio are global too
    _depth += 1
    if _depth > 1:
        try:
            yield
        finally:
            _depth -= 1
        return
    undo: list[tuple[Any, dict[str, Any]]] = [(cls, _replace(cls, _tracked_class(cls))) for cls in PRIMITIVES]
    undo.append((_GATHER, _replace(_GATHER, _tracked_gather())))
    undo.append((asyncio, _replace(asyncio, {"Future": TrackedFuture, "Task": TrackedTask})))
    undo.append((futures, _replace(futures, {"Future": TrackedFuture})))
    undo.append((tasks, _replace(tasks, {"Task": TrackedTask, "set": _in_order})))
    try:
        yield
    finally:
        _depth -= 1
        for owner, before in reversed(undo):
            _restore(owner, before)
