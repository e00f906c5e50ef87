"""JUnit XML in pytest's dialect, so that whatever reads pytest's reports reads ours."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from simharness.core.verdict import Verdict
from simharness.runner.json_output import write_text
from simharness.runner.result import CaseResult, RunResult

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(result: RunResult) -> str:
    """Return the report: one test case for each case; failures carry the timelines, properties the tokens."""
    cases = result.cases
    errors = sum(each.verdict is Verdict.ERROR for each in cases)
    counts = {
        "errors": str(errors),
        "failures": str(sum(not each.ok for each in cases) - errors),
        "skipped": "0",
        "tests": str(len(cases)),
        "time": f"{sum(each.elapsed_s for each in cases):.3f}",
    }
    suites = Element("testsuites", name="simharness")
    suite = SubElement(suites, "testsuite", {"name": "simharness", **counts})
    for each in cases:
        suite.append(_case(each))
    indent(suites)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + tostring(suites, encoding="unicode") + "\n"


def write(result: RunResult, path: Path) -> None:
    """Write the report.

    Raises:
        OSError: the place cannot be written to.
    """
    write_text(path, document(result))


def _case(result: CaseResult) -> Element:
    name = f"{result.scenario}[{'-'.join(result.case.values())}]" if result.case else result.scenario
    case = Element(
        "testcase",
        {"classname": _text(_dotted(result.path)), "name": _text(name), "time": f"{result.elapsed_s:.3f}"},
    )
    properties = SubElement(case, "properties")
    _property(properties, "verdict", str(result.verdict))
    if result.expected is not None:
        _property(properties, "expected", result.expected)
    for counterexample in result.counterexamples:
        _property(properties, "token", counterexample.token)
    if result.verdict is Verdict.ERROR:
        SubElement(case, "error", message=_text(result.complaint or "")).text = _text(result.error or "")
    elif not result.ok:
        SubElement(case, "failure", message=_text(result.complaint or "")).text = _text(evidence(result))
    return case


def evidence(result: CaseResult) -> str:
    """Return the timelines of a case, else its complaint."""
    parts = []
    for each in result.counterexamples:
        drawing = result.timelines.get(each.token)
        plain = f"{each.finding.invariant} {each.finding.message}\nReplay  simharness replay {each.token}"
        parts.append(plain if drawing is None else drawing.plain)
    return "\n\n".join(parts) or (result.complaint or "")


def _property(properties: Element, name: str, value: str) -> None:
    SubElement(properties, "property", name=name, value=_text(value))


def _dotted(path: str) -> str:
    return ".".join(part for part in Path(path).with_suffix("").parts if part not in {"/", ".", ".."})


def _text(text: str) -> str:
    return _FORBIDDEN.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
