"""Systems whose set-up ends the process, or calls for the end of the run; found by name in every process."""

from __future__ import annotations

import os
import signal
from typing import Any, NoReturn


def ending(*, how: str) -> Any:
    """End the process that sets this up, or let the user press Ctrl-C and wait for what comes of it."""
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "interrupted":
        os.kill(os.getppid(), signal.SIGINT)
    return _wait()


def _wait() -> NoReturn:
    while True:
        signal.pause()
