"""Short names for the callbacks of a program: the coroutine that runs, not ``TaskStepMethWrapper``."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from simharness.core.step import Kind
from simharness.loop.agenda import Item


def label_of(item: Item) -> str:
    """Return what a queue entry does, in a few words; the same in every execution."""
    handle = item.payload
    ghost = " (cancelled)" if handle._cancelled else ""
    text = callback_label(handle._callback) if handle._callback is not None else "callback"
    return f"timer {text}{ghost}" if item.kind is Kind.TIMER else f"{text}{ghost}"


def callback_label(callback: Any) -> str:
    """Return the qualified name of a callback, or of the coroutine of its task."""
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        coroutine = owner.get_coro()
        code = getattr(coroutine, "cr_code", None)
        if code is not None:
            return code.co_qualname  # type: ignore[no-any-return]  # a text
        return getattr(coroutine, "__qualname__", type(coroutine).__qualname__)
    while isinstance(callback, partial):
        callback = callback.func
    return getattr(callback, "__qualname__", type(callback).__qualname__)
