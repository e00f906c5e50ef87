"""Text that keeps its shape: cleaned of control characters, wrapped by cells, sources right-aligned and never cut."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.style import Style
from rich.text import Text

# From this width on a timeline has named lanes and shows what the database holds.
WIDE = 140
# Narrower than this, an event moves its source to a line of its own rather than being wrapped beside it.
EVENT_MIN = 28

_ASCII = str.maketrans(
    {"→": "->", "←": "<-", "…": "...", "–": "-", "—": "-", "“": '"', "”": '"', "’": "'", "≤": "<=", "·": ";", "×": "x"}
)
_UNPRINTABLE = frozenset({"Cc", "Cs", "Cf", "Zl", "Zp"})

Piece = tuple[str, str]
"""A text and its style."""


def clean(text: str, *, ascii_only: bool) -> str:
    """Return ``text`` without anything that could move the cursor; with ``ascii_only``, as pure ASCII.

    What cannot be shown is escaped, never dropped.
    """
    if ascii_only:
        text = text.translate(_ASCII)
        if not text.isascii():
            text = text.encode("ascii", "backslashreplace").decode("ascii")
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode("ascii") if unicodedata.category(char) in _UNPRINTABLE else char
        for char in text
    )


def wrap(text: str, width: int) -> list[str]:
    """Return ``text`` in lines of at most ``width`` cells, broken between words where that is possible."""
    width = max(width, 2)
    lines: list[str] = []
    current = ""
    for word in text.split():
        joined = f"{current} {word}" if current else word
        if cell_len(joined) <= width:
            current = joined
            continue
        if current:
            lines.append(current)
        *full, current = chop_cells(word, width) if cell_len(word) > width else [word]
        lines.extend(full)
    if current or not lines:
        lines.append(current)
    return lines


def pad(text: str, width: int) -> str:
    """Return ``text`` filled with spaces to ``width`` cells."""
    return text + " " * (width - cell_len(text))


def beside(event: str, source: str, width: int) -> list[tuple[str, str]]:
    """Return lines of ``(event, source)`` in which every source fits behind its event and is whole.

    The source stands on the first line if the event keeps a readable width beside it, else on the last line or on
    one of its own.
    """
    if not source:
        return [(line, "") for line in wrap(event, width)]
    room = width - cell_len(source) - 2
    if cell_len(event) <= room or room >= EVENT_MIN:
        first, *rest = wrap(event, room)
        return [(first, source), *((line, "") for line in rest)]
    lines = [(line, "") for line in wrap(event, width)]
    if cell_len(lines[-1][0]) <= room:
        lines[-1] = (lines[-1][0], source)
    else:
        lines.append(("", source))
    return lines


def assemble(pieces: list[Piece]) -> Text:
    """Return one line of styled pieces, without trailing blanks."""
    line = Text()
    for content, style in pieces:
        line.append(content, style or None)
    line.rstrip()
    return line


def spread(left: list[Piece], right: str, width: int, style: str = "dim") -> list[Text]:
    """Return ``left`` with ``right`` at the right edge; on a line of its own if both do not fit."""
    line = assemble(left)
    if not right:
        return [line]
    gap = width - line.cell_len - cell_len(right)
    if gap >= 2:
        line.append(" " * gap)
        line.append(right, style)
        return [line]
    return [line, Text(" " * max(0, width - cell_len(right))).append(right, style)]


def paragraph(text: str, width: int, style: str = "") -> list[Text]:
    """Return a wrapped sentence."""
    return [Text(line, style) for line in wrap(text, width)]


def flow(parts: Iterable[str], width: int, gap: str = "   ") -> list[str]:
    """Return unbreakable parts in as few lines as they need; a part wider than ``width`` stands alone, whole."""
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(lines[-1]) + len(gap) + cell_len(part) <= width:
            lines[-1] += gap + part
        else:
            lines.append(part)
    return lines


def labelled(label: str, lines: Sequence[str], *, label_width: int = 8) -> list[Text]:
    """Return lines in a column behind a label."""
    return [
        Text.assemble((pad(label if number == 0 else "", label_width), "bold"), line)
        for number, line in enumerate(lines)
    ]


def join(lines: list[Text]) -> Text:
    """Return lines as one text that rich neither wraps nor justifies."""
    joined = Text("\n", no_wrap=True, overflow="ignore", end="").join(lines)
    joined.no_wrap = True
    joined.overflow = "ignore"
    return joined


def plain(text: Text) -> Text:
    """Return ``text`` without colour and weight."""
    return Text(text.plain, style=Style.null(), no_wrap=True, overflow="ignore")


def emit(console: Console, text: Text) -> None:
    """Print ``text`` exactly as it is: no markup, no highlighting, no second wrapping."""
    console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)
