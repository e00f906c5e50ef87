"""``simharness/result@1``: the document that ``--json`` writes. Keys are stable; new ones may be added."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from simharness.core.verdict import Counterexample
from simharness.report.certificate import certificate_dict
from simharness.runner.result import CaseResult, RunResult

SCHEMA = "simharness/result@1"


def document(result: RunResult) -> dict[str, Any]:
    """Return the document as plain values."""
    return {
        "schema": SCHEMA,
        "exit_code": int(result.exit_code),
        "interrupted": result.interrupted,
        "cases": [_case(each) for each in result.cases],
    }


def write(result: RunResult, path: Path) -> None:
    """Write the document.

    Raises:
        OSError: the place cannot be written to.
    """
    write_text(path, json.dumps(document(result), indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as a whole or not at all: who reads the file meanwhile sees the old one.

    Folders that are missing are made.

    Raises:
        OSError: the place cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        # A device or a pipe cannot be replaced, and there is nothing to protect: /dev/stdout, >(jq …)
        path.write_text(text, encoding="utf-8")
        return
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
    ) as part:
        temporary = Path(part.name)
        try:
            part.write(text)
            part.flush()
            os.fsync(part.fileno())
            # NamedTemporaryFile makes private files; a result is as readable as its folder allows.
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _case(result: CaseResult) -> dict[str, Any]:
    certificate = result.certificate
    return {
        "scenario": result.scenario,
        "case": dict(result.case),
        "file": result.path,
        "verdict": str(result.verdict),
        "expected": result.expected,
        "expected_by": list(result.expected_by),
        "ok": result.ok,
        "complaint": result.complaint,
        "executions": result.executions,
        "traces": result.traces,
        "blocked": result.blocked,
        "duplicates": result.duplicates,
        "elapsed_s": round(result.elapsed_s, 3),
        "certificate": None if certificate is None else certificate_dict(certificate),
        "violations": [_violation(each, result) for each in result.counterexamples],
        "warnings": [{"invariant": each.invariant, "message": each.message} for each in result.warnings],
        "error": result.error,
    }


def _violation(counterexample: Counterexample, result: CaseResult) -> dict[str, Any]:
    report = result.reports.get(counterexample.token)
    return {
        "invariant": counterexample.finding.invariant,
        "message": counterexample.finding.message,
        "token": counterexample.token,
        "digest": counterexample.digest,
        "reachable_on_stock_asyncio": counterexample.reachable_on_stock_asyncio,
        "deviations": counterexample.deviations,
        "minimal": counterexample.minimal,
        "deliveries": list(counterexample.deliveries),
        "report": None if report is None else str(report),
    }
