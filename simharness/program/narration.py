"""Says what the steps of a plain program do, for its timelines: who ran, what it read and wrote, what arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from simharness.core import lane, name
from simharness.core.footprint import recorder
from simharness.core.step import Kind, Operation
from simharness.loop.agenda import Item
from simharness.loop.describe import callback_label

OUTSIDE = "outside"
PROGRAM = "program"

# A step that reads more than this is told by what it wrote alone.
_READS_MAX = 4
# Frames that look the same in every process.
_PLAIN = (str, int, float, bool, type(None))


def narrate(item: Item) -> None:
    """Add what the step that just ran read and wrote to its operations, while somebody will read it.

    Args:
        item: what ran.
    """
    if not recorder.narrating:
        return
    actor = OUTSIDE if item.kind is Kind.EXECUTE else _actor_of(item)
    recorder.gather()
    written = _parts(recorder.writes)
    read = [key for key in _parts(recorder.reads) if key not in written]
    # Every use of an outer variable reads it; that is worth a line only where nothing behind it is used.
    if any(not _is_variable(key) for key in (*read, *written)) or recorder.operations:
        read = [key for key in read if not _is_variable(key)]
    if len(read) > _READS_MAX:
        read = []
    accesses = [_access(actor, "READ", "read", key) for key in read]
    accesses += [_access(actor, "WRITE", "write", key) for key in written]
    # A task that was woken up reads before it asks for more; outside, what happens is said before what it touches.
    recorder.operations[:] = (
        [*recorder.operations, *accesses] if item.kind is not Kind.HANDLE else [*accesses, *recorder.operations]
    )


def note_call(label: str) -> str:
    """Note that the running task asks the outside for something; return its lane."""
    if not recorder.narrating:
        return PROGRAM
    actor = running_actor()
    recorder.note(lambda: Operation(actor, f"call {short(label)}", OUTSIDE, lane.caller(), "send"))
    return actor


def note_execution(label: str) -> None:
    """Note that the outside carries out what it was asked for."""
    recorder.note(lambda: Operation(OUTSIDE, f"carries out {short(label)}"))


def note_answer(label: str, actor: str) -> None:
    """Note that an answer reaches the task in the lane ``actor``."""
    recorder.note(lambda: Operation(OUTSIDE, f"answer to {short(label)}", actor, effect="receive"))


def note_frame(label: str, frame: Any) -> None:
    """Note that a frame of a stream arrives."""
    said = f": {frame!r}" if isinstance(frame, _PLAIN) else ""
    recorder.note(lambda: Operation(OUTSIDE, f"{label}{said}", effect="receive"))


def note_wait(label: str) -> None:
    """Note that the running task waits for a frame."""
    recorder.note(lambda: Operation(running_actor(), f"waits for a {label}", source=lane.caller()))


def short(label: str) -> str:
    """Return a qualified name without the functions around it: ``handler`` for ``main.<locals>.handler``."""
    *outer, last = label.split(".<locals>.")
    return f"{outer[-1]}.{last}" if last == "<lambda>" and outer else last


def running_actor() -> str:
    """Return the lane of the task that runs now."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # what no loop of ours runs
        return PROGRAM
    return PROGRAM if task is None else _lane_of(task)


def _actor_of(item: Item) -> str:
    """Return the lane of a callback: the name of the coroutine function of its task."""
    callback = getattr(item.payload, "_callback", None)
    if callback is None:
        return PROGRAM
    owner = getattr(callback, "__self__", None)
    return _lane_of(owner) if isinstance(owner, asyncio.Task) else short(callback_label(callback))


def _lane_of(task: asyncio.Task[Any]) -> str:
    """Return the name of the task's coroutine function, with a number from the second of that name on."""
    wanted = _name_of(task)
    alike = [each for each in getattr(task.get_loop(), "tasks", ()) if _name_of(each) == wanted]
    number = alike.index(task) + 1 if task in alike else 1
    return wanted if number == 1 else f"{wanted} {number}"


def _name_of(task: asyncio.Task[Any]) -> str:
    return short(getattr(task.get_coro(), "__qualname__", PROGRAM))


def _parts(keys: Iterable[int]) -> list[int]:
    """Return the attributes, items and variables among the keys."""
    # Sorted: sets of keys have no order that two processes share.
    return sorted((key for key in keys if _text(key)), key=name.text)


def _access(actor: str, verb: str, effect: str, key: int) -> Operation:
    # A comma would separate subjects.
    return Operation(actor, f"{verb} {_text(key)}", effect=effect, subject=name.text(key).replace(",", ";"))


def _is_variable(key: int) -> bool:
    return ":heap frame." in name.text(key)


def _text(key: int) -> str:
    """Return what a reader calls a part of an object: ``dict['reason']``, ``Bot.status``; nothing for other keys."""
    owner, dot, part = name.text(key).rpartition(".")
    kind = owner.rpartition(":")[2]
    if not dot or not kind.startswith("heap ") or part.startswith("*"):
        return ""
    kind = kind.removeprefix("heap ")
    if kind == "frame":
        return part
    return f"{kind}{part}" if part.startswith("[") else f"{kind}.{part}"
