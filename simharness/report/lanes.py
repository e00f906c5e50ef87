"""The gutter: who acted and whom it reached, drawn like the gutter of a git graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from simharness.core.step import Operation
from simharness.report.layout import pad

_KNOWN = {
    "client": ("cl", "client"),
    "endpoint": ("ep", "endpoint"),
    "venue": ("ve", "venue"),
    "stream": ("ws", "user stream"),
    "handler": ("hd", "handler"),
    "database": ("db", "database"),
}
_SQL = frozenset(
    {"SELECT", "UPDATE", "INSERT", "DELETE", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "LOCK", "RELEASE"}
)


@dataclass(frozen=True, slots=True)
class Symbols:
    """The characters of one alphabet; each carries a meaning of its own, colour only repeats it."""

    idle: str
    fold: str
    act: str
    committed: str
    uncommitted: str
    rolled_back: str
    waits: str
    dash: str
    right: str
    left: str
    fail: str
    warn: str
    ok: str
    bounded: str
    unknown: str
    error: str
    to: str


UNICODE = Symbols(
    idle="│", fold="┊", act="●", committed="●", uncommitted="○", rolled_back="✗", waits="◌", dash="─", right="▶",
    left="◀", fail="✗", warn="▲", ok="✓", bounded="○", unknown="?", error="!", to="→",
)  # fmt: skip
ASCII = Symbols(
    idle="|", fold=":", act="*", committed="*", uncommitted="~", rolled_back="x", waits="w", dash="-", right=">",
    left="<", fail="x", warn="^", ok="+", bounded="o", unknown="?", error="!", to="->",
)  # fmt: skip


def symbols(*, ascii_only: bool) -> Symbols:
    """Return the alphabet to draw with."""
    return ASCII if ascii_only else UNICODE


def lane_name(lane: str) -> str:
    """Return the words for a lane: ``stream`` reads *user stream*."""
    return _KNOWN[lane][1] if lane in _KNOWN else lane


def target_of(operation: Operation) -> str | None:
    """Return the lane that an operation reaches; a statement reaches the database also if nobody said so."""
    if operation.target is not None and operation.target != operation.lane:
        return operation.target
    if operation.lane != "database" and operation.text.split(" ", 1)[0] in _SQL:
        return "database"
    return None


def lanes_of(operations: Iterable[Operation]) -> tuple[str, ...]:
    """Return the lanes in drawing order: client to handler, then others as they appear, the database last."""
    seen: dict[str, None] = {}
    for operation in operations:
        seen.setdefault(operation.lane)
        target = target_of(operation)
        if target is not None:
            seen.setdefault(target)
    # A second endpoint stands beside the first.
    first = [
        lane
        for known in _KNOWN
        for lane in sorted(seen, key=lambda each: (each != known, each))
        if known != "database" and (lane == known or lane.startswith(f"{known} "))
    ]
    others = [lane for lane in seen if lane not in (*first, *_KNOWN)]
    return (*first, *others, *(["database"] if "database" in seen else []))


def abbreviations(lanes: Sequence[str]) -> dict[str, str]:
    """Return two different characters for every lane: ``handler 2`` is ``h2``, ``stop loss`` is ``sl``."""
    taken = {_KNOWN[lane][0] for lane in lanes if lane in _KNOWN}
    result: dict[str, str] = {}
    for number, lane in enumerate(lanes):
        if lane in _KNOWN:
            result[lane] = _KNOWN[lane][0]
            continue
        short = next((two for two in _candidates(lane) if two not in taken), f"{number % 100:02d}")
        taken.add(short)
        result[lane] = short
    return result


def _candidates(lane: str) -> Iterable[str]:
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in lane.lower()).split()
    if not words:
        return
    letters = "".join(words)
    if letters[-1].isdigit():
        yield letters[0] + letters[-1] if len(letters) > 1 else letters + letters
    if len(words) > 1:
        yield words[0][0] + words[1][0]
    for char in letters[1:]:
        yield letters[0] + char
    for digit in "23456789":
        yield letters[0] + digit


@dataclass(frozen=True, slots=True)
class Gutter:
    """Where the lanes stand and how an operation is drawn across them.

    Args:
        lanes: the lanes from left to right.
        columns: the column of each lane, from 0.
        width: cells of the whole gutter.
        headings: the lines above it.
        alphabet: what to draw with.
        named: whether the headings are whole names.
    """

    lanes: tuple[str, ...]
    columns: Mapping[str, int]
    width: int
    headings: tuple[str, ...]
    alphabet: Symbols
    named: bool = False

    def draw(self, operation: Operation) -> str:
        """Return the gutter of one operation: the actor, an arrow to whom it reached, everybody else idle."""
        cells = list(self.idle())
        signs = self.alphabet
        actor = self.columns[operation.lane]
        target = target_of(operation)
        cells[actor] = self._sign(operation) if operation.lane == "database" else signs.act
        if operation.effect == "wait":
            cells[actor] = signs.waits
        if target is not None:
            reached = self.columns[target]
            low, high = sorted((actor, reached))
            cells[low + 1 : high] = signs.dash * (high - low - 1)
            cells[reached - 1 if reached > actor else reached + 1] = signs.right if reached > actor else signs.left
            if target == "database":
                cells[reached] = self._sign(operation, otherwise=signs.idle)
        return "".join(cells)

    def idle(self, sign: str | None = None) -> str:
        """Return the gutter of a line on which nobody acts."""
        cells = [" "] * self.width
        for column in self.columns.values():
            cells[column] = sign or self.alphabet.idle
        return "".join(cells)

    def folded(self) -> str:
        """Return the gutter of a line that stands for steps that are not shown."""
        return self.idle(self.alphabet.fold)

    def _sign(self, operation: Operation, otherwise: str | None = None) -> str:
        signs = self.alphabet
        known = {"commit": signs.committed, "write": signs.uncommitted, "rollback": signs.rolled_back}
        return known.get(operation.effect, otherwise or signs.act)


def narrow_gutter(lanes: tuple[str, ...], alphabet: Symbols) -> Gutter:
    """Return a gutter of three characters a lane, headed by abbreviations."""
    short = abbreviations(lanes)
    heading = " ".join(short[lane] for lane in lanes)
    columns = {lane: 3 * number for number, lane in enumerate(lanes)}
    return Gutter(lanes, columns, max(0, 3 * len(lanes) - 1), (heading,), alphabet)


def wide_gutter(lanes: tuple[str, ...], alphabet: Symbols) -> Gutter:
    """Return a gutter with the names of the lanes above them, a word to a line."""
    stacks = [lane_name(lane).split() or ["?"] for lane in lanes]
    height = max((len(stack) for stack in stacks), default=1)
    rows = [[""] * len(lanes) for _ in range(height)]
    columns: dict[str, int] = {}
    at = 0
    widths = []
    for number, (lane, stack) in enumerate(zip(lanes, stacks, strict=True)):
        columns[lane] = at
        widths.append(max(3, max(map(cell_len, stack)) + 1))
        at += widths[-1]
        for line, word in enumerate(stack, start=height - len(stack)):
            rows[line][number] = word
    headings = tuple(
        "".join(pad(word, width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
    return Gutter(lanes, columns, max(0, at - 1), headings, alphabet, named=True)


def legend(gutter: Gutter) -> list[str]:
    """Return the explanation of each lane, and of the marks at the database."""
    short = abbreviations(gutter.lanes)
    signs = gutter.alphabet
    marks = f" ({signs.committed} committed, {signs.uncommitted} not yet)"
    if gutter.named:
        return ["database" + marks] if "database" in gutter.lanes else []
    return [f"{short[lane]} {lane_name(lane)}{marks if lane == 'database' else ''}" for lane in gutter.lanes]
