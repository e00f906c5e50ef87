"""The rows of a timeline: one per world event or domain operation, in one of two layouts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.text import Text

from simharness.core.step import Operation, Step
from simharness.core.time import format_seconds
from simharness.core.verdict import RecordedExecution
from simharness.report import layout
from simharness.report.comparison import Comparison, Pair, Place
from simharness.report.holdings import Detail, Held, actor_of, describe, lane_of
from simharness.report.lanes import Gutter, Symbols, lane_name, lanes_of, narrow_gutter, wide_gutter
from simharness.report.selection import Fold, Item
from simharness.report.sentences import step_phrase

_MARK, _STEP = 3, 4
_CELL_MAX = 34
# Shorter runs of folded steps get no line of their own: the step numbers show the gap, the summary counts them.
_FOLD_MIN = 4
_EVENT_WIDE_MIN = 44


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the rows are drawn from."""

    failing: RecordedExecution
    passing: RecordedExecution | None
    comparison: Comparison
    selection: tuple[Item, ...]
    held: dict[tuple[int, int], Held]
    width: int
    alphabet: Symbols


@dataclass(frozen=True, slots=True)
class _Row:
    gutter: str
    event: str
    mark: str = ""
    time: str = ""
    step: str = ""
    committed: str = ""
    uncommitted: str = ""
    source: str = ""
    style: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Widths: of the time, of the database columns (0 if there are none), of event and source together."""

    time: int
    committed: int
    uncommitted: int
    event: int


def draw(evidence: Evidence) -> tuple[Gutter, list[Text]]:
    """Return the gutter that was used, and the lines: headings, then the rows."""
    steps = evidence.failing.steps
    shown = [operation for item in evidence.selection if isinstance(item, int) for operation in steps[item].operations]
    lanes = lanes_of(shown)
    wide = evidence.width >= layout.WIDE
    gutter = wide_gutter(lanes, evidence.alphabet) if wide else narrow_gutter(lanes, evidence.alphabet)
    rows, columns = _fit(evidence, gutter, wide=wide)
    if wide and columns.event < _EVENT_WIDE_MIN:
        # Too many lanes for their names: the legend says what the abbreviations mean.
        gutter = narrow_gutter(lanes, evidence.alphabet)
        rows, columns = _fit(evidence, gutter, wide=wide)
    if not all(_tag_fits(row, columns) for row in rows):
        # The tag repeats what the mark says: it is there where it costs no line.
        rows = [replace(row, tag="") for row in rows]
    lines = _headings(gutter, columns, evidence.width)
    for row in rows:
        lines.extend(_lines(row, gutter, columns, evidence.width))
    return gutter, lines


def _fit(evidence: Evidence, gutter: Gutter, *, wide: bool) -> tuple[list[_Row], _Columns]:
    """Return rows whose database cells say as much as there is room for."""
    rows: list[_Row] = []
    columns = _Columns(0, 0, 0, 0)
    for detail, room in zip(Detail, (2 * _EVENT_WIDE_MIN, _EVENT_WIDE_MIN, 0), strict=True):
        rows = _rows(evidence, gutter, detail)
        columns = _columns(rows, gutter, evidence.width, wide=wide)
        if columns.event >= room:
            break
    return rows, columns


def _columns(rows: list[_Row], gutter: Gutter, width: int, *, wide: bool) -> _Columns:
    time = max(7, max((len(row.time) for row in rows), default=0))
    left = _prefix(time) + gutter.width + 2
    if not wide or not any(row.committed or row.uncommitted for row in rows):
        return _Columns(time, 0, 0, max(width - left, 8))
    # Events hold the story: what the database holds takes a quarter of the rest on either side; no word is broken.
    words = [word for row in rows for word in (*row.committed.split(), *row.uncommitted.split())]
    most = min(_CELL_MAX, max((width - left) // 4, len("not committed"), *map(cell_len, words)))
    committed = min(most, max(len("committed"), *(cell_len(row.committed) for row in rows)))
    uncommitted = min(most, max(len("not committed"), *(cell_len(row.uncommitted) for row in rows)))
    return _Columns(time, committed, uncommitted, max(width - left - committed - uncommitted - 4, 8))


def _prefix(time: int) -> int:
    return _MARK + time + 2 + _STEP + 2


def _headings(gutter: Gutter, columns: _Columns, width: int) -> list[Text]:
    lines = []
    for number, lanes in enumerate(gutter.headings):
        if number < len(gutter.headings) - 1:
            lines.append(Text(" " * _prefix(columns.time) + lanes, "bold"))
            continue
        left = f"{'virtual t':>{_MARK + columns.time}}  {'step':>{_STEP}}  {layout.pad(lanes, gutter.width)}  "
        if columns.committed:
            left += (
                f"{layout.pad('committed', columns.committed)}  {layout.pad('not committed', columns.uncommitted)}  "
            )
        lines.extend(layout.spread([(left + "event", "bold")], "source", width, "bold"))
    return lines


def _rows(evidence: Evidence, gutter: Gutter, detail: Detail) -> list[_Row]:
    rows: list[_Row] = []
    steps = evidence.failing.steps
    for item in evidence.selection:
        if isinstance(item, Fold):
            if item.count >= _FOLD_MIN:
                rows.append(_Row(gutter.folded(), item.text, style="dim"))
        elif steps[item].operations:
            rows.extend(_step_rows(evidence, gutter, item, detail))
        else:
            rows.append(_silent_row(evidence, gutter, item))
    if evidence.comparison.finding.step is None:
        time = format_seconds(steps[-1].time_ns) if steps else ""
        event = f"at rest: {evidence.comparison.finding.invariant} does not hold"
        rows.append(_Row(gutter.idle(), event, "!!", time, "end", style="red"))
    return rows


def _step_rows(evidence: Evidence, gutter: Gutter, position: int, detail: Detail) -> list[_Row]:
    step = evidence.failing.steps[position]
    rows = []
    for number, operation in enumerate(step.operations):
        place = Place(position, number)
        held = evidence.held[position, number]
        mark = _mark(evidence.comparison, step, place)
        tags = _tags(evidence, place, held)
        rows.append(
            _Row(
                gutter.draw(operation),
                " ".join([operation.text, *tags]),
                mark,
                format_seconds(step.time_ns),
                str(position),
                describe(held.committed, detail),
                describe(held.uncommitted, detail),
                operation.source or "",
                _style(mark, operation),
                _swapped(evidence.comparison.pair, place),
            )
        )
    return rows


def _silent_row(evidence: Evidence, gutter: Gutter, position: int) -> _Row:
    step = evidence.failing.steps[position]
    mark = _mark(evidence.comparison, step, Place(position, 0))
    event = " ".join([step.label or str(step.kind), *_tags(evidence, Place(position, 0), Held())])
    style = _style(mark, None) if mark else "dim"
    return _Row(gutter.idle(), event, mark, format_seconds(step.time_ns), str(position), style=style)


def _mark(comparison: Comparison, step: Step, place: Place) -> str:
    last = place.operation == max(len(step.operations) - 1, 0)
    failed = place.step == comparison.finding.step and last
    letter = _letter(comparison.pair, place)
    if letter:
        return ("!!" if failed else ">>") + letter
    if failed:
        return "!!"
    return "<>" if place.step == comparison.first_difference and place.operation == 0 else ""


def _letter(pair: Pair | None, place: Place) -> str:
    if pair is None:
        return ""
    return "A" if place == pair.first else "B" if place == pair.second else ""


def _tags(evidence: Evidence, place: Place, held: Held) -> list[str]:
    tags = []
    if place.step == evidence.comparison.first_difference and place.operation == 0:
        tags.append(f"[{_difference(evidence)}]")
    if held.waits_for:
        to = f" {evidence.alphabet.to} "
        operation = evidence.failing.steps[place.step].operations[place.operation]
        actor = actor_of(operation)
        chain = to.join(_name(each, held.waits_for, actor) for each in held.waits_for)
        closed = len(held.waits_for) > 1 and held.waits_for[-1] == actor
        mine = _name(actor, held.waits_for, actor)
        if closed:
            tags.append(f"[deadlock: {mine}{to}{chain}]")
        elif len(held.waits_for) > 1 or "waits for" not in operation.text:
            tags.append(f"[waits for {chain}]")
    return tags


def _name(actor: str, chain: tuple[str, ...], waiting: str) -> str:
    """Return the lane of one in a chain, with the session where another of the chain has the same lane."""
    lane = lane_of(actor)
    alike = {each for each in (*chain, waiting) if lane_of(each) == lane}
    return lane_name(lane) + (actor.removeprefix(lane) if len(alike) > 1 else "")


def _swapped(pair: Pair | None, place: Place) -> str:
    letter = _letter(pair, place)
    if pair is None or not pair.swapped or not letter:
        return ""
    return "[swapped: 1st]" if letter == "A" else "[swapped: 2nd]"


def _difference(evidence: Evidence) -> str:
    """Return what the passing order did where the two part."""
    there = evidence.comparison.passing_step
    if evidence.passing is None or there is None:
        return "passing order: ends here"
    pair = evidence.comparison.pair
    if pair is not None and evidence.comparison.first_difference == pair.first.step:
        return "first difference"
    phrase = layout.clean(step_phrase(evidence.passing.steps[there]), ascii_only=evidence.alphabet.idle == "|")
    return f"passing order: {phrase}"


def _style(mark: str, operation: Operation | None) -> str:
    if mark.startswith("!!"):
        return "bold red"
    if mark:
        return "bold yellow"
    effect = "" if operation is None else operation.effect
    return {"commit": "green", "rollback": "magenta", "fault": "red", "wait": "cyan"}.get(effect, "")


def _lines(row: _Row, gutter: Gutter, columns: _Columns, width: int) -> list[Text]:
    """Return the lines of one row: every cell wrapped in its column, the source whole."""
    events = layout.beside(f"{row.event} {row.tag}", row.source, columns.event)
    committed = layout.wrap(row.committed, columns.committed) if columns.committed else []
    uncommitted = layout.wrap(row.uncommitted, columns.uncommitted) if columns.committed else []
    lines: list[Text] = []
    for number in range(max(len(events), len(committed), len(uncommitted))):
        first = number == 0
        event, source = events[number] if number < len(events) else ("", "")
        idle = gutter.folded() if row.gutter == gutter.folded() else gutter.idle()
        pieces: list[layout.Piece] = [
            (layout.pad(row.mark if first else "", _MARK), row.style),
            (f"{row.time if first else '':>{columns.time}}  {row.step if first else '':>{_STEP}}  ", "dim"),
            (row.gutter if first else idle, row.style if first else "dim"),
            ("  ", ""),
        ]
        if columns.committed:
            pieces.append((layout.pad(_at(committed, number), columns.committed) + "  ", "green"))
            pieces.append((layout.pad(_at(uncommitted, number), columns.uncommitted) + "  ", "yellow"))
        lines.extend(layout.spread([*pieces, (event, row.style)], source, width))
    return lines


def _tag_fits(row: _Row, columns: _Columns) -> bool:
    source = cell_len(row.source) + 2 if row.source else 0
    return not row.tag or cell_len(f"{row.event} {row.tag}") + source <= columns.event


def _at(cells: list[str], number: int) -> str:
    return cells[number] if number < len(cells) else ""
