"""Who acts: the timeline lane of the running task, and the line of the program that called.

The world sets :data:`watched` to the packages under test and gives each task that it starts a lane through
:data:`current_lane`; asyncio copies the context into every task, so a lane is inherited. Plain programs have a lane for
each task: they set :data:`namer`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import PurePath

current_lane: ContextVar[str] = ContextVar("current_lane", default="program")

# The packages whose lines a timeline names; set by the world before an execution starts.
watched: tuple[str, ...] = ()

# Names the lane of the running task instead, in the context of executions that have a lane for each task.
namer: ContextVar[Callable[[], str] | None] = ContextVar("namer", default=None)


def acting() -> str:
    """Return the lane of the running task."""
    name = namer.get()
    return current_lane.get() if name is None else name()


def caller(packages: tuple[str, ...] | None = None) -> str | None:
    """Return ``path:line`` of the innermost frame on the stack that belongs to one of ``packages``.

    The path is relative to the top-level package: ``managers/bots/api.py:81`` for a line of
    ``simharness.managers.bots.api``. It never holds a directory of this machine.

    Args:
        packages: dotted names; a name stands for its submodules too. Defaults to :data:`watched`.
    """
    names = watched if packages is None else packages
    if not names:
        return None
    # Not inspect.stack(): it reads source files; this walk takes a microsecond.
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if any(module == name or module.startswith(name + ".") for name in names):
            return f"{_path(module, frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return None


def running_task() -> int | None:
    """Return the causal name of the task that runs now; None outside of tasks and of loops of ours."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return None
    return getattr(task, "key", None)


def _path(module: str, filename: str) -> str:
    file = PurePath(filename.replace("\\", "/")).name
    inner = module.split(".")[1:]
    if file != "__init__.py":
        inner = inner[:-1]
    return "/".join([*inner, file])
