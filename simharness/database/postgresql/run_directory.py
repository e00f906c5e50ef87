"""The private directory of one server: claimed with a file lock, recognised as a leftover when the lock is free.

The operating system drops a file lock when its holder dies, however it dies. So the lock is the marker: a run directory
whose lock can be taken belongs to a run that was killed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simharness.database.postgresql import process
from simharness.database.postgresql.account import make_open

_LOCK = "lock"
_DATA = "data"


class RunDirectory:
    """A directory that only this process uses.

    Args:
        path: the directory.
        descriptor: the open lock file.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @property
    def data(self) -> Path:
        """Where the server's data goes."""
        return self.path / _DATA

    def remove(self) -> None:
        """Delete the directory and let go of the lock."""
        with exclusive(self.path.parent.with_suffix(".lock")):
            _discard(self.path, self._descriptor)


def _discard(path: Path, descriptor: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(descriptor)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock that all processes of the machine share; wait for it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def claim(runs: Path) -> RunDirectory:
    """Create and lock a new run directory below ``runs``."""
    make_open(runs)
    # Against a sweep that would see the directory before its lock.
    with exclusive(runs.with_suffix(".lock")):
        path = Path(tempfile.mkdtemp(prefix="r", dir=runs))
        path.chmod(0o755)
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return RunDirectory(path, descriptor)


def sweep(runs: Path) -> list[Path]:
    """End the servers of killed runs, remove their directories, and return those."""
    make_open(runs)
    removed = []
    with exclusive(runs.with_suffix(".lock")):
        for path in sorted(runs.iterdir()):
            descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            process.end_server(path / _DATA)
            _discard(path, descriptor)
            removed.append(path)
    return removed
