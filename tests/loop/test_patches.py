"""Everything that an exploration patches is as it was afterwards."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import threading
import time
import uuid
from asyncio import futures, tasks
from typing import Any

from simharness.loop.guard import determinism_guard
from simharness.loop.primitives import PRIMITIVES, tracked_asyncio


def state() -> list[Any]:
    """Return everything that could have been replaced."""
    modules = (asyncio, futures, tasks, time, random, uuid, os)
    classes = (*PRIMITIVES, tasks._GatheringFuture, threading.Thread, subprocess.Popen)  # type: ignore[attr-defined]  # what gather returns
    return [dict(vars(each)) for each in (*modules, *classes)]


def test_nothing_stays_patched() -> None:
    before = state()
    with tracked_asyncio(), determinism_guard(), tracked_asyncio(), determinism_guard():
        assert state() != before
    assert state() == before
