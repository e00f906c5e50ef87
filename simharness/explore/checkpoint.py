"""Stopping in the middle of an exhaustive search and going on later, in another process, with equal totals.

A checkpoint belongs to one subject (scenario and case, or a program) and to one state of the code: with another program
or another engine the same path leads elsewhere, and the totals would be those of neither. It is replaced atomically,
so that a process that is killed while it writes leaves the one before.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from types import FrameType
from typing import Any

from simharness.core.execution import Program
from simharness.errors import ScenarioError
from simharness.explore.exhaustive.dpor import DporSearch
from simharness.explore.strategy import LastingSearch

FORMAT = "simharness/checkpoint@1"

# Of the time of a search at most one part in so many goes into checkpoints.
_SHARE = 20


Share = Callable[[dict[str, Any]], LastingSearch]


@dataclass(slots=True)
class Checkpoint:
    """A place on disk where one search is kept.

    Args:
        file: where. A second file, ``.PID.tmp`` behind its name, appears beside it while it is written.
        subject: what is searched; must be the same when the search goes on.
        code: see ``code_fingerprint``; must be the same too.
        every_s: seconds of wall time between two writes of ``write_if_due``.
    """

    file: Path
    subject: str
    code: str
    every_s: float = 5.0
    _due_s: float = field(default_factory=time.monotonic)

    def write_if_due(self, search: LastingSearch, payload: Callable[[], Any]) -> None:
        """Write if the last time is long enough ago; ``payload`` is only called then. See ``write``."""
        if time.monotonic() >= self._due_s:
            self.write(search, payload())

    def write(self, search: LastingSearch, payload: Any) -> None:
        """Write the search, which is handing out an execution, has not begun, or is exhausted.

        Args:
            search: to go on with later.
            payload: JSON of the caller's own: what it made of the executions, the one at hand included.

        Raises:
            OSError: the file cannot be written; the one before is as it was.
        """
        started = time.monotonic()
        content = {**search.freeze(), "exhausted": search.exhausted, "payload": payload}
        body = _canonical(content)
        head = {"format": FORMAT, "subject": self.subject, "code": self.code, "check": _checksum(body)}
        replace_file(self.file, f"{json.dumps(head)}\n{body}\n")
        now = time.monotonic()
        self._due_s = now + max(self.every_s, (now - started) * _SHARE)

    def resume(self, program: Program, share: Share | None = None) -> tuple[LastingSearch, Any]:
        """Return the search as it was when it was written, and the payload.

        The first execution that it hands out is the one after that at which it was written.

        Args:
            program: the same as before.
            share: goes on with what several processes had explored; None if there is to be one process only.

        Raises:
            FileNotFoundError: there is no checkpoint.
            ScenarioError: it is damaged, of another format, or belongs to something else, or is of several processes.
        """
        content = self._read()
        try:
            if "tree" not in content:
                return DporSearch.thaw(content, program), content["payload"]
            if share is not None:
                return share(content), content["payload"]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ScenarioError(f"{self.file}: the checkpoint is damaged: {error!r}; start anew") from error
        raise ScenarioError(f"{self.file}: several processes shared this search; go on with `--jobs 2` or more")

    def _read(self) -> dict[str, Any]:
        head_text, _, body = self.file.read_text(encoding="utf-8").partition("\n")
        try:
            head = json.loads(head_text)
            found = {key: str(head[key]) for key in ("format", "subject", "code", "check")}
        except (ValueError, KeyError, TypeError) as error:
            raise ScenarioError(f"{self.file}: not a checkpoint: {error!r}") from error
        if found["format"] != FORMAT:
            raise ScenarioError(f"{self.file}: format {found['format']!r} is not known; this simharness reads {FORMAT}")
        if found["check"] != _checksum(body.removesuffix("\n")):
            raise ScenarioError(f"{self.file}: the checkpoint is damaged (its checksum does not fit); start anew")
        if found["subject"] != self.subject:
            raise ScenarioError(f"{self.file}: belongs to {found['subject']!r}, not to {self.subject!r}")
        if found["code"] != self.code:
            raise ScenarioError(f"{self.file}: the code has changed since it was written; start anew")
        content = json.loads(body)
        assert isinstance(content, dict)
        return content

    def discard(self) -> None:
        """Remove the file: the search is over."""
        self.file.unlink(missing_ok=True)


def code_fingerprint(sources: Sequence[Path] = ()) -> str:
    """Return 16 hex digits that change with simharness, with the Python version and with ``sources``.

    Args:
        sources: files, or folders with Python files, of the program under test.
    """
    state = blake2b(digest_size=8)
    state.update(f"{sys.implementation.name} {sys.version_info[:2]} {sys.hash_info.width}".encode())
    for root in (Path(__file__).parents[1], *sources):
        # Sorted: the order of a directory listing depends on the file system.
        for file in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            state.update(f"\0{file.relative_to(root)}\0".encode())
            state.update(file.read_bytes())
    return state.hexdigest()


def replace_file(file: Path, text: str) -> None:
    """Write a file so that after a crash at any moment it has either the old content or the new, complete.

    Raises:
        OSError: it cannot be written; the old content is untouched.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: two runs in one folder may write the same checkpoint at once.
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new directory entry durable, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def interrupt_between_executions() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C wait for the end of the execution, where the search can be written; a second one strikes at once.

    Only in the main thread, as signals are.

    Yields:
        A function that returns whether Ctrl-C was pressed.
    """
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _canonical(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def _checksum(body: str) -> str:
    return blake2b(body.encode(), digest_size=8).hexdigest()
