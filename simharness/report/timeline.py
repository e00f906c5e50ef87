"""The timeline of a counterexample: verdict first, cause second, evidence third, the next command last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rich.cells import cell_len
from rich.text import Text

from simharness.core.step import Operation
from simharness.core.verdict import Counterexample, Finding, RecordedExecution
from simharness.report import layout, sentences
from simharness.report.comparison import Comparison, compare
from simharness.report.evidence import Evidence, draw
from simharness.report.holdings import holdings_of
from simharness.report.lanes import legend, symbols
from simharness.report.selection import Item, select, summary
from simharness.report.table import case_text


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a timeline and is not in the execution.

    Args:
        scenario: its name.
        case: the values of the matrix, in the order in which they are to be read.
        order: which of the explored orders it is, from 1; None if that is not known.
        explored: how many orders were explored; None if that is not known.
        all_explored: True only if there are no others.
        replay: what does it again, with ``{token}`` where the token belongs.
    """

    scenario: str
    case: Mapping[str, object] = field(default_factory=dict)
    order: int | None = None
    explored: int | None = None
    all_explored: bool = False
    replay: str = "simharness replay {token}"


def render(
    failing: RecordedExecution,
    passing: RecordedExecution | None,
    heading: Heading,
    counterexample: Counterexample,
    *,
    width: int = 100,
    ascii_only: bool = False,
    full: bool = False,
    color: bool = True,
) -> Text:
    """Return the timeline of ``counterexample``; print it with :func:`simharness.report.layout.emit`.

    Args:
        failing: the execution that violates, recorded with its operations.
        passing: the nearest one that does not, or None if none is known.
        heading: scenario, case and what was explored.
        counterexample: the violation, its token and how it can be reached.
        width: columns to fill; from 140 on lanes have names and the database its own columns.
        ascii_only: use no character beyond ASCII.
        full: show every step, also those that would be folded.
        color: False for text without any style.
    """
    failing = _cleaned(failing, ascii_only)
    passing = None if passing is None else _cleaned(passing, ascii_only)
    finding = counterexample.finding
    comparison = compare(failing, passing, finding)
    held = holdings_of(failing.steps)
    selection = select(failing, comparison, full=full)
    evidence = Evidence(failing, passing, comparison, selection, held, width, symbols(ascii_only=ascii_only))
    gutter, rows = draw(evidence)
    lines = [
        *_verdict(failing, heading, counterexample, width, ascii_only),
        Text(),
        *_cause(evidence, ascii_only),
        Text(),
        *rows,
        Text(),
        *layout.labelled("Lanes", layout.flow(legend(gutter), width - 8)),
        *_folded(selection, width),
        *layout.labelled("Marks", layout.flow(_marks(comparison), width - 8)),
        *_next(counterexample, heading, width, ascii_only, full),
    ]
    text = layout.join(lines)
    return text if color else layout.plain(text)


def also(finding: Finding, token: str, width: int, *, ascii_only: bool = False) -> Text:
    """Return what stands below a timeline about another finding of the same execution.

    Args:
        finding: the other one.
        token: replays it.
        width: columns to fill.
        ascii_only: use no character beyond ASCII.
    """
    message = layout.clean(f"{finding.invariant} {finding.message}", ascii_only=ascii_only)
    lines = layout.labelled("Also", layout.wrap(message, width - 8))
    return layout.join([*lines, *layout.labelled("Replay", [f"simharness replay {token}"])])


def to_text(
    failing: RecordedExecution,
    passing: RecordedExecution | None,
    heading: Heading,
    counterexample: Counterexample,
    *,
    width: int = 100,
    ascii_only: bool = False,
    full: bool = False,
) -> str:
    """Return what :func:`render` draws as a string that ends with a newline."""
    text = render(failing, passing, heading, counterexample, width=width, ascii_only=ascii_only, full=full, color=False)
    return text.plain + "\n"


def _cleaned(execution: RecordedExecution, ascii_only: bool) -> RecordedExecution:
    """Return an execution whose texts are safe to draw."""
    steps = tuple(
        replace(
            step,
            label=layout.clean(step.label, ascii_only=ascii_only),
            operations=tuple(_cleaned_operation(operation, ascii_only) for operation in step.operations),
        )
        for step in execution.steps
    )
    return replace(execution, steps=steps)


def _cleaned_operation(operation: Operation, ascii_only: bool) -> Operation:
    def one(text: str | None) -> str | None:
        return None if text is None else layout.clean(text, ascii_only=ascii_only)

    def many(values: dict[str, str]) -> dict[str, str]:
        return {str(one(key)): str(one(str(value))) for key, value in values.items()}

    return replace(
        operation,
        lane=str(one(operation.lane)),
        text=str(one(operation.text)),
        target=one(operation.target),
        source=one(operation.source),
        subject=one(operation.subject),
        committed=many(operation.committed),
        uncommitted=many(operation.uncommitted),
        observed=many(operation.observed),
    )


def _refutes(counterexample: Counterexample) -> bool:
    return not counterexample.finding.warning and counterexample.reachable_on_stock_asyncio is not False


def _verdict(
    failing: RecordedExecution, heading: Heading, counterexample: Counterexample, width: int, ascii_only: bool
) -> list[Text]:
    signs = symbols(ascii_only=ascii_only)
    refutes = _refutes(counterexample)
    word, style = (f"{signs.fail} FAIL", "bold red") if refutes else (f"{signs.warn} WARN", "bold yellow")
    scenario = layout.clean(heading.scenario, ascii_only=ascii_only)
    first: list[layout.Piece] = [(word, style), (" ", ""), (scenario, "bold")]
    room = width - len(word) - cell_len(scenario) - 3
    case = layout.wrap(layout.clean(case_text(heading.case), ascii_only=ascii_only), max(room, width // 2))
    if cell_len(case[0]) <= room:
        first.append(("  " + case.pop(0), ""))
    *above, last = [first, *([("  " + line, "")] for line in case)]
    lines = [*map(layout.assemble, above), *layout.spread(last, _order_text(heading), width)]
    finding = counterexample.finding
    message = layout.clean(f"{finding.invariant} {finding.message}", ascii_only=ascii_only)
    for number, (line, source) in enumerate(layout.beside(message, _source(failing, finding), width)):
        invariant, space, rest = line.partition(" ") if number == 0 else ("", "", line)
        lines.extend(layout.spread([(invariant, style), (space + rest, "")], source, width))
    return lines


def _order_text(heading: Heading) -> str:
    if heading.explored is None:
        return ""
    which = f"order {heading.order:,} of {heading.explored:,}" if heading.order is not None else ""
    which = which or f"{heading.explored:,} orders"
    return f"{which} ({'all' if heading.all_explored else 'not all'} explored)"


def _source(failing: RecordedExecution, finding: Finding) -> str:
    """Return where the violation was completed."""
    if finding.step is None or not 0 <= finding.step < len(failing.steps):
        return ""
    sources = [operation.source for operation in failing.steps[finding.step].operations if operation.source]
    return sources[-1] if sources else ""


def _cause(evidence: Evidence, ascii_only: bool) -> list[Text]:
    failing, passing, comparison = evidence.failing, evidence.passing, evidence.comparison
    main = sentences.cause(failing, passing, comparison)
    rest = [
        sentences.reordering(failing, comparison),
        sentences.decisive_read(failing, comparison, evidence.held),
        sentences.logged(failing, passing),
    ]
    lines = layout.paragraph(layout.clean(main, ascii_only=ascii_only), evidence.width, "bold")
    more = " ".join(sentence for sentence in rest if sentence)
    if more:
        lines.extend(layout.paragraph(layout.clean(more, ascii_only=ascii_only), evidence.width))
    return lines


def _marks(comparison: Comparison) -> list[str]:
    parts = []
    if comparison.first_difference is not None:
        parts.append("<> first choice that differs")
    if comparison.pair is not None:
        parts.append(">>A >>B the swapped pair" if comparison.pair.swapped else ">>A >>B the decisive pair")
    return [*parts, "!! the check that failed"]


def _folded(selection: tuple[Item, ...], width: int) -> list[Text]:
    text = summary(selection)
    return layout.labelled("Folded", layout.wrap(f"{text} (--full shows them)", width - 8)) if text else []


def _next(counterexample: Counterexample, heading: Heading, width: int, ascii_only: bool, full: bool) -> list[Text]:
    answer = {True: "yes", False: "no (a warning: it does not refute)", None: "not known"}
    reach = f"reachable on stock asyncio: {answer[counterexample.reachable_on_stock_asyncio]}"
    lines: list[Text] = []
    if full and counterexample.deliveries:
        deliveries = "; ".join(counterexample.deliveries)
        wrapped = layout.wrap(layout.clean(deliveries, ascii_only=ascii_only), width - 8)
        lines.extend(layout.labelled("Stock", wrapped))
    if counterexample.minimal:
        lines.extend(layout.labelled("Minimal", [_minimal(counterexample.deviations)]))
    command = heading.replay.format(token=counterexample.token)
    return [*lines, *layout.labelled("Replay", layout.flow([command, reach], width - 8, " " * 8))]


def _minimal(deviations: int) -> str:
    choices = "choice differs" if deviations == 1 else "choices differ"
    return f"{deviations} {choices} from the order of stock asyncio; no order with fewer fails this check"
