"""The table of verdicts: what was claimed about each case, by which check, after exploring what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from rich.cells import cell_len
from rich.text import Text

from simharness.core.verdict import Verdict
from simharness.report import layout
from simharness.report.lanes import Symbols, symbols

_STYLES = {
    Verdict.PROVEN: "bold green",
    Verdict.PASSED: "green",
    Verdict.VIOLATED: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.ERROR: "bold magenta",
}
# What a narrow terminal does without, first to go first. What was explored and whether it was expected always stay.
_EXPENDABLE = ("time", "executions", "on stock")
# What moves to a line of its own when even that is not enough.
_MOVABLE = ("interleavings", "by")
_GAP = 2


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One case of one scenario.

    Args:
        scenario: its name.
        case: the values of its matrix, in the order of the scenario file.
        verdict: the claim.
        by: ids of the invariants that refute it.
        expected: the verdict that the scenario states; None if it states none.
        ok: whether the expectation is met (or, with none stated, nothing is violated).
        executions: how many were run.
        traces: how many interleavings they were.
        elapsed_s: wall seconds.
        reachable: whether stock asyncio can produce the violation; None if there is none or it is not known.
        note: one line more, below the case.
        exhausted: whether there are no other interleavings.
        faults: how many faults each interleaving may hold.
        left: the estimate of the interleavings that remain, lowest and highest.
    """

    scenario: str
    case: Mapping[str, object]
    verdict: Verdict
    by: tuple[str, ...] = ()
    expected: str | None = None
    ok: bool = True
    executions: int = 0
    traces: int = 0
    elapsed_s: float = 0.0
    reachable: bool | None = None
    note: str = ""
    exhausted: bool = False
    faults: int = 0
    left: tuple[int, int] | None = field(default=None)


def case_text(case: Mapping[str, object]) -> str:
    """Return a case as ``key=value key=value``."""
    return " ".join(f"{key}={value}" for key, value in case.items())


def verdict_symbol(verdict: Verdict, signs: Symbols) -> str:
    """Return the character that means ``verdict``."""
    return {
        Verdict.PROVEN: signs.ok,
        Verdict.PASSED: signs.bounded,
        Verdict.VIOLATED: signs.fail,
        Verdict.INCONCLUSIVE: signs.unknown,
        Verdict.ERROR: signs.error,
    }[verdict]


def verdict_word(verdict: Verdict, *, ascii_only: bool) -> str:
    """Return symbol and word; ``passed`` says that a bound ended the search."""
    word = "passed (bounded)" if verdict is Verdict.PASSED else str(verdict)
    return f"{verdict_symbol(verdict, symbols(ascii_only=ascii_only))} {word}"


def explored_text(row: VerdictRow, *, short: bool = False) -> str:
    """Return what was explored: *121 of 121 interleavings, no faults*; never more than that.

    Args:
        row: the case.
        short: leave out the word *interleavings*, for a column that is headed by it.
    """
    noun = "" if short else " interleaving" if row.traces == 1 and row.left is None else " interleavings"
    faults = "no faults" if row.faults == 0 else f"≤ {row.faults} fault{'' if row.faults == 1 else 's'}"
    if row.exhausted:
        return f"{row.traces:,} of {row.traces:,}{noun}, {faults}"
    if row.left is not None:
        low, high = (row.traces + part for part in row.left)
        return f"{row.traces:,} of {'~' if short else 'about '}{low:,}–{high:,}{noun}, {faults}"
    return f"{row.traces:,}{noun}, not all, {faults}"


def verdict_table(
    rows: Sequence[VerdictRow], width: int = 100, *, ascii_only: bool = False, cases: int | None = None
) -> Text:
    """Return the table, a block for each scenario, with a summary below; ``.plain`` is what a pipe gets.

    Args:
        rows: the cases; those of one scenario stand together.
        width: columns to fill.
        ascii_only: use no character beyond ASCII.
        cases: how many there would have been, if the run was interrupted.
    """
    lines: list[Text] = []
    blocks = [(scenario, list(group)) for scenario, group in groupby(rows, key=lambda row: row.scenario)]
    for scenario, block in blocks:
        lines.extend([*_block(scenario, block, width, ascii_only), Text()])
    return layout.join([*lines, *_summary(rows, ascii_only, cases)])


def _block(scenario: str, rows: list[VerdictRow], width: int, ascii_only: bool) -> list[Text]:
    varying = _varying(rows)
    # Sorted by appearance: the order of keys is that of the scenario file.
    common = {key: value for key, value in rows[0].case.items() if key not in varying}
    title = layout.clean(scenario, ascii_only=ascii_only)
    same = layout.wrap(layout.clean(case_text(common), ascii_only=ascii_only), width - cell_len(title) - 2)
    indent = " " * (cell_len(title) + 2)
    cells = [_cells(row, varying, ascii_only) for row in rows]
    columns = _columns(cells, rows, varying, width)
    widths = {column: max(cell_len(column), *(cell_len(cell[column]) for cell in cells)) for column in columns}
    lines = [layout.assemble([(title, "bold"), ("  " + same[0], "dim")])]
    lines.extend(Text(indent + line, "dim") for line in same[1:])
    heading = (" " * _GAP).join(_place(column, column, widths[column]) for column in columns)
    lines.append(Text("  " + heading.rstrip(), "dim"))
    for row, cell in zip(rows, cells, strict=True):
        placed = [(_place(name, cell[name], widths[name]) + " " * _GAP, _style(name, row)) for name in columns]
        lines.append(layout.assemble([("  ", ""), *placed]))
        for text in _below(row, cell, columns, varying, ascii_only):
            lines.extend(Text("      " + line, "dim") for line in layout.wrap(text, width - 6))
    return lines


def _below(
    row: VerdictRow, cell: dict[str, str], columns: list[str], varying: list[str], ascii_only: bool
) -> list[str]:
    """Return the lines below a case: what has no column, then its note."""
    lines = []
    unsaid = {key: row.case[key] for key in varying if key in row.case and key not in columns}
    if unsaid:
        lines.append(layout.clean(case_text(unsaid), ascii_only=ascii_only))
    if "by" in cell and cell["by"] and "by" not in columns:
        lines.append(f"by {cell['by']}")
    if not {"explored", "interleavings"} & set(columns):
        lines.append(cell["explored"])
    if row.note:
        lines.append(layout.clean(row.note, ascii_only=ascii_only))
    return lines


def _varying(rows: Iterable[VerdictRow]) -> list[str]:
    seen: dict[str, set[str]] = {}
    count = 0
    for row in rows:
        count += 1
        for key, value in row.case.items():
            seen.setdefault(key, set()).add(str(value))
    everywhere = {key for key in seen if all(key in row.case for row in rows)}
    return [key for key, values in seen.items() if len(values) > 1 or (count > 1 and key not in everywhere)]


def _cells(row: VerdictRow, varying: list[str], ascii_only: bool) -> dict[str, str]:
    signs = symbols(ascii_only=ascii_only)
    reachable = {True: "yes", False: "no", None: "not known" if row.verdict is Verdict.VIOLATED else ""}[row.reachable]
    cells = {key: str(row.case.get(key, "")) for key in varying}
    cells |= {
        "verdict": verdict_word(row.verdict, ascii_only=ascii_only),
        "by": ", ".join(row.by),
        "explored": explored_text(row),
        "interleavings": explored_text(row, short=True),
        "on stock": reachable,
        "executions": f"{row.executions:,}",
        "time": f"{row.elapsed_s:.1f} s",
        "as expected": _expectation(row, signs),
    }
    return {key: layout.clean(value, ascii_only=ascii_only) for key, value in cells.items()}


def _expectation(row: VerdictRow, signs: Symbols) -> str:
    if row.expected is None:
        return "none stated" if row.ok else f"{signs.fail} none stated"
    return f"{signs.ok} yes" if row.ok else f"{signs.fail} NO: {row.expected}"


def _columns(cells: list[dict[str, str]], rows: list[VerdictRow], varying: list[str], width: int) -> list[str]:
    """Return the columns that fit; what does not fit even so is left to lines of its own."""
    columns = [column for column in cells[0] if column != "interleavings"]
    if not any(row.verdict is Verdict.VIOLATED for row in rows):
        columns = [column for column in columns if column not in {"by", "on stock"}]
    if _needed(columns, cells) > width:
        columns[columns.index("explored")] = "interleavings"
    for column in (*_EXPENDABLE, *_MOVABLE):
        if _needed(columns, cells) > width and column in columns:
            columns.remove(column)
    if _needed(columns, cells) > width:
        # What is left of the head of a row then: the verdict, with the case below it.
        columns = [column for column in columns if column not in varying]
    return columns


def _needed(columns: list[str], cells: list[dict[str, str]]) -> int:
    widths = (max(cell_len(name), *(cell_len(cell[name]) for cell in cells)) for name in columns)
    return 2 + sum(widths) + _GAP * (len(columns) - 1)


def _place(column: str, text: str, width: int) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if column in {"executions", "time"} else text + blanks


def _style(column: str, row: VerdictRow) -> str:
    if column == "verdict":
        return _STYLES[row.verdict]
    if column == "as expected":
        return "green" if row.ok else "bold red"
    return "dim" if column in {"executions", "time", "explored", "interleavings"} else ""


def _summary(rows: Sequence[VerdictRow], ascii_only: bool, of: int | None) -> list[Text]:
    signs = symbols(ascii_only=ascii_only)
    counts = [(verdict, sum(row.verdict is verdict for row in rows)) for verdict in Verdict]
    found = ", ".join(f"{count} {verdict}" for verdict, count in counts if count)
    missed = [row for row in rows if not row.ok]
    cases = f"{len(rows)}{'' if of is None else f' of {of}'} case{'' if (of or len(rows)) == 1 else 's'}"
    if not rows:
        return [Text("no case was run")]
    if of is not None and not missed:
        return [Text(f"{signs.bounded} {cases}: {found}", "bold yellow")]
    if not missed:
        all_stated = all(row.expected is not None for row in rows)
        return [Text(f"{signs.ok} {cases}: {found}{'; every expectation is met' if all_stated else ''}", "bold green")]
    lines = [Text(f"{signs.fail} {cases}: {found}; {len(missed)} not as expected", "bold red")]
    for row in missed:
        wanted = f"expected {row.expected}" if row.expected is not None else "expected no violation"
        by = f" by {', '.join(row.by)}" if row.by else ""
        text = f"{row.scenario} {case_text(row.case)}".rstrip() + f": {wanted}, got {row.verdict}{by}"
        # Whole, however narrow: these lines are searched for, and a wrapped one is not found.
        lines.append(Text("  " + layout.clean(text, ascii_only=ascii_only)))
    return lines
