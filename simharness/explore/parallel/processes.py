"""Starting processes, and ending them."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

# How long a process may take to end by itself once its connection is closed.
GRACE_S = 15.0


def start(target: Callable[..., None], *arguments: Any, daemon: bool = True) -> tuple[BaseProcess, Connection]:
    """Start a process that calls ``target`` with an end of a connection and the arguments; return it and the other end.

    Ctrl-C, which the terminal sends to every process of the group, stays pending in it until it is unblocked there.
    """
    # spawn: a forked child would share open database handles and whatever else this process holds.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *arguments), daemon=daemon)
    # Blocked signals are inherited, also while Python starts and could not handle it in any other way than to die.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    return process, ours


def how_it_ended(process: BaseProcess) -> str:
    """Return what became of a process whose connection is closed."""
    process.join(GRACE_S)
    code = process.exitcode
    if code is None:
        return "no longer answers"
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def dismiss(workers: Iterable[tuple[BaseProcess, Connection]]) -> None:
    """End processes: those that are in the middle of something have a moment, then they are killed."""
    everyone = list(workers)
    for _, connection in everyone:
        connection.close()
    for process, _ in everyone:
        process.join(GRACE_S)
        if process.is_alive():
            process.kill()
            process.join()
