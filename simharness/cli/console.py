"""What the terminal can do, and what the user wishes it did."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from simharness.errors import ScenarioError

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH_OFF_TERMINAL = 100
_WIDTH_MIN = 40
# If these cannot be encoded, no drawing can.
_DRAWN_WITH = "│─●○→…"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the options say; None where they say nothing."""

    full: bool = False
    ascii_only: bool = False
    width: int | None = None
    color: bool | None = None


@dataclass(frozen=True, slots=True)
class Terminal:
    """How to write to one stream.

    Args:
        width: columns.
        color: whether to send colours.
        ascii_only: whether to keep to ASCII.
        live: whether lines may be redrawn.
    """

    width: int
    color: bool
    ascii_only: bool
    live: bool


def terminal(stream: TextIO, wishes: Wishes, environment: Mapping[str, str] | None = None) -> Terminal:
    """Return what ``stream`` can do: options first, then NO_COLOR, FORCE_COLOR, CI and the tty, in that order."""
    env = os.environ if environment is None else environment
    capable = stream.isatty() and env.get("TERM") != "dumb"
    plain = bool(env.get("CI"))
    if wishes.color is not None:
        color = wishes.color
    elif env.get("NO_COLOR"):
        color = False
    elif env.get("FORCE_COLOR"):
        color = env["FORCE_COLOR"] != "0"
    else:
        color = capable and not plain
    return Terminal(
        width=_width(stream, wishes, env),
        color=color,
        ascii_only=wishes.ascii_only or not _encodes(stream, _DRAWN_WITH),
        live=capable and not plain,
    )


def rich_console(stream: TextIO, on: Terminal) -> Console:
    """Return a console that does what we decided and nothing of its own."""
    from rich.console import Console

    return Console(
        file=stream,
        width=on.width,
        color_system="standard" if on.color else None,
        force_terminal=on.color or on.live,
        no_color=not on.color,
        legacy_windows=False,
    )


def out(text: str) -> None:
    """Print a line of results."""
    print(text)  # noqa: T201 — results go to stdout through this one door


def note(text: str) -> None:
    """Print a line of progress or a warning."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 — what is no result goes to stderr through this one door


def check_writable(option: str, path: Path | None) -> None:
    """Make sure before a long run that its result can be written.

    Raises:
        ScenarioError: ``path`` is a folder, or its folder cannot be made or written to.
    """
    if path is not None and str(path) == "-":
        raise ScenarioError(f"{option}: name a file; standard output is /dev/stdout")
    if path is None or (path.exists() and not path.is_file() and not path.is_dir()):
        return  # nothing asked for, or a pipe or device such as /dev/stdout
    if path.is_dir():
        raise ScenarioError(f"{option}: {path} is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScenarioError(f"{option}: cannot make the folder {path.parent}: {error.strerror}") from None
    if not os.access(path.parent, os.W_OK):
        raise ScenarioError(f"{option}: the folder {path.parent} cannot be written to")


def check_folder(option: str, path: Path | None) -> None:
    """Make sure before a long run that files can be written into a folder.

    Raises:
        ScenarioError: ``path`` is no folder, cannot be made or cannot be written to.
    """
    if path is None:
        return
    if path.exists() and not path.is_dir():
        raise ScenarioError(f"{option}: {path} is not a folder")
    check_writable(option, path / "report")


def _width(stream: TextIO, wishes: Wishes, env: Mapping[str, str]) -> int:
    if wishes.width is not None:
        return wishes.width
    columns = env.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return max(int(columns), _WIDTH_MIN)
    if stream.isatty():
        return max(shutil.get_terminal_size((_WIDTH_OFF_TERMINAL, 24)).columns, _WIDTH_MIN)
    return _WIDTH_OFF_TERMINAL


def _encodes(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
