"""Stopping, continuing and ending the server's processes.

A backend that waits for a lock is stopped (SIGSTOP), so that the explorer and not the operating system decides who
goes on. A stopped process does not react to anything but SIGCONT and SIGKILL: whoever ends a server must continue
its backends first.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_POLL_S = 0.0005
_PATIENCE_S = 3.0


def stop(pid: int) -> None:
    """Stop a process and return when it stands still."""
    os.kill(pid, signal.SIGSTOP)
    if not _PROC.is_dir():
        return
    deadline = _real_s() + _PATIENCE_S
    while _state(pid) not in "TtZX" and _real_s() < deadline:
        # Yield the processor: on a busy machine the signal is acted upon when the process is next scheduled.
        os.sched_yield()


def _real_s() -> float:
    # Not time.monotonic(): inside a step it tells the program's virtual time.
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def resume(pid: int) -> None:
    """Let a stopped process go on; a process that is gone is no error."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def interrupt(pid: int) -> None:
    """Ask a backend to cancel its statement, as a CancelRequest or a server-side timeout does."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)


def alive(pid: int) -> bool:
    """Return whether a process exists, zombies not counted."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) not in "ZX"


def end_server(data: Path) -> None:
    """End every process that runs on a data directory, stopped backends included, and return when they are gone.

    The postmaster is asked first (SIGQUIT: an immediate shutdown, which also frees its shared memory); what is left
    after that is killed.
    """
    postmaster = _postmaster(data)
    for pid in _processes(data, postmaster):
        resume(pid)
    if postmaster is not None:
        with suppress(ProcessLookupError):
            os.kill(postmaster, signal.SIGQUIT)
        _wait_until_gone(data, postmaster)
    for pid in _processes(data, postmaster):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _wait_until_gone(data, postmaster)


def _wait_until_gone(data: Path, postmaster: int | None) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while _processes(data, postmaster) and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _state(pid: int) -> str:
    try:
        # The name of the process stands in parentheses and may hold anything: the state follows the last one.
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "X"


def _postmaster(data: Path) -> int | None:
    try:
        first = (data / "postmaster.pid").read_text().split("\n", 1)[0]
        pid = int(first)
    except (OSError, ValueError):
        return None
    # The number may belong to another process by now.
    return pid if not _PROC.is_dir() or _works_in(pid, data) else None


def _processes(data: Path, postmaster: int | None) -> list[int]:
    """Return the living processes of a data directory: a server's processes all work in it."""
    if not _PROC.is_dir():
        return [postmaster] if postmaster is not None and alive(postmaster) else []
    pids = sorted(int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    return [pid for pid in pids if _works_in(pid, data) and alive(pid)]


def _works_in(pid: int, data: Path) -> bool:
    try:
        return (_PROC / str(pid) / "cwd").readlink() == data
    except OSError:
        return False
