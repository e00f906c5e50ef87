"""Timelines as files: text and SVG with stable names and contents, fit to be golden files."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path, PurePosixPath, PureWindowsPath

from rich.console import Console
from rich.text import Text

from simharness.core.step import Step
from simharness.core.verdict import Counterexample, RecordedExecution
from simharness.report import layout, timeline
from simharness.report.table import case_text
from simharness.report.timeline import Heading

TEXT_WIDTH = 120
SVG_WIDTH = 170
_STEM_MAX = 120
_SOURCE = re.compile(r"^(?P<path>.*?)(?P<line>:\d+)?$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SavedReport:
    """Where a timeline was written."""

    text: Path
    svg: Path


def report_stem(scenario: str, case: Mapping[str, object], invariant: str) -> str:
    """Return ``<scenario>--<case values>--<invariant>``, safe as a file name and the same every time.

    A name that had to be changed or cut for that ends in a short digest, so two reports never share one.
    """
    parts = [scenario, *(str(value) for value in case.values()), invariant]
    slugs = [_slug(part) for part in parts]
    stem = "--".join(slugs)
    if slugs == parts and len(stem) <= _STEM_MAX:
        return stem
    return f"{stem[:_STEM_MAX]}-{blake2b(repr(parts).encode(), digest_size=3).hexdigest()}"


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.")


def save_timeline(
    directory: Path,
    failing: RecordedExecution,
    passing: RecordedExecution | None,
    heading: Heading,
    counterexample: Counterexample,
) -> SavedReport:
    """Write a timeline as text and as SVG and return where; what was there is replaced.

    Neither file holds absolute paths, wall times or anything else that differs between two machines.

    Args:
        directory: where to write; made if it is missing.
        failing: the execution that violates.
        passing: the nearest one that does not, or None.
        heading: scenario, case and what was explored.
        counterexample: the violation.

    Raises:
        OSError: the directory cannot be made or written.
    """
    failing = _portable(failing)
    passing = None if passing is None else _portable(passing)
    stem = report_stem(heading.scenario, heading.case, counterexample.finding.invariant)
    directory.mkdir(parents=True, exist_ok=True)
    saved = SavedReport(directory / f"{stem}.txt", directory / f"{stem}.svg")
    text = timeline.to_text(failing, passing, heading, counterexample, width=TEXT_WIDTH)
    saved.text.write_text(text, encoding="utf-8", newline="\n")
    drawn = timeline.render(failing, passing, heading, counterexample, width=SVG_WIDTH)
    title = " ".join(part for part in (heading.scenario, case_text(heading.case)) if part)
    saved.svg.write_text(to_svg(drawn, title, width=SVG_WIDTH), encoding="utf-8", newline="\n")
    return saved


def to_svg(text: Text, title: str, *, width: int) -> str:
    """Return ``text`` as an SVG picture that is the same for the same text, in every process.

    Args:
        text: what to draw.
        title: what stands above it.
        width: columns of the picture; wider lines make it wider.
    """
    width = max([width, *(line.cell_len for line in text.split("\n"))])
    console = Console(
        record=True,
        file=io.StringIO(),
        width=width,
        height=text.plain.count("\n") + 1,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        no_color=False,
    )
    layout.emit(console, text)
    # rich derives ids from the segments' reprs unless told; ours depend on the text alone.
    unique = "sh" + blake2b(f"{title}\n{text.plain}".encode(), digest_size=6).hexdigest()
    return console.export_svg(title=title, unique_id=unique) + "\n"


def _portable(execution: RecordedExecution) -> RecordedExecution:
    return replace(execution, steps=tuple(_portable_step(step) for step in execution.steps))


def _portable_step(step: Step) -> Step:
    operations = tuple(
        operation if operation.source is None else replace(operation, source=portable_source(operation.source))
        for operation in step.operations
    )
    return replace(step, operations=operations)


def portable_source(source: str) -> str:
    """Return ``path:line`` without the part of an absolute path that names a machine.

    What lies below ``site-packages`` keeps its path from there; of any other the last three parts remain.
    """
    found = _SOURCE.match(source)
    path, line = (found["path"], found["line"] or "") if found else (source, "")
    pure = PureWindowsPath(path) if PureWindowsPath(path).drive else PurePosixPath(path)
    if not pure.is_absolute():
        return source
    parts = pure.parts[1:]
    below = parts[::-1].index("site-packages") if "site-packages" in parts else 3
    return "/".join(parts[-below:]) + line
