"""Which task of the program is running, by its causal name."""

from __future__ import annotations

import asyncio


def running_task() -> int | None:
    """Return the name of the task that runs now; None outside of tasks and of loops of ours."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return None
    return getattr(task, "key", None)
