"""`simharness/result@1` is a contract: these keys, these types, written as a whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from simharness.core.schedule import Schedule
from simharness.core.verdict import Certificate, Counterexample, Finding, Verdict
from simharness.runner import json_output
from simharness.runner.result import CaseResult, RunResult

CASE_KEYS = {
    "scenario", "case", "verdict", "expected", "ok", "executions", "traces", "blocked", "duplicates", "elapsed_s",
    "certificate", "violations",
}  # fmt: skip
CERTIFICATE_KEYS = {"semantics", "latency", "faults", "horizon", "dependence", "bounds", "database", "versions"}
VIOLATION_KEYS = {"invariant", "message", "token", "reachable_on_stock_asyncio", "deviations", "report"}


def run_result() -> RunResult:
    certificate = Certificate("stock", "any", 0, "10m", "rows", database="sqlite", versions={"python": "3.11"})
    found = Counterexample(Finding("Q5", "stopped itself"), Schedule(), "d" * 16, "sh1-ABC", True, 2, minimal=True)
    case = CaseResult(
        "bot-update",
        "scenarios/bot-update.yaml",
        {"cancel_policy": "flush-then-cancel"},
        Verdict.VIOLATED,
        "violated",
        ("Q5",),
        executions=17,
        traces=16,
        elapsed_s=1.23456,
        certificate=certificate,
        counterexamples=(found,),
        warnings=(Finding("S12", "an await under a lock", warning=True),),
        reports={"sh1-ABC": Path("reports/x.txt")},
    )
    return RunResult((case,))


def test_the_document_has_the_keys_of_the_contract() -> None:
    document = json_output.document(run_result())
    (case,) = document["cases"]
    assert document["schema"] == "simharness/result@1"
    assert case.keys() >= CASE_KEYS
    assert case["certificate"].keys() >= CERTIFICATE_KEYS
    assert case["violations"][0].keys() >= VIOLATION_KEYS


def test_the_document_holds_what_was_found() -> None:
    (case,) = json_output.document(run_result())["cases"]
    assert (case["verdict"], case["expected"], case["ok"], case["elapsed_s"]) == ("violated", "violated", True, 1.235)
    assert case["case"] == {"cancel_policy": "flush-then-cancel"}
    assert case["certificate"]["versions"] == {"python": "3.11"}
    assert case["violations"][0]["report"] == "reports/x.txt"
    assert case["warnings"] == [{"invariant": "S12", "message": "an await under a lock"}]


def test_a_written_document_reads_back_equal(tmp_path: Path) -> None:
    file = tmp_path / "new" / "out.json"
    json_output.write(run_result(), file)
    assert json.loads(file.read_text(encoding="utf-8")) == json_output.document(run_result())


def test_the_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    other = tmp_path / "other"
    json_output.write(run_result(), file)
    other.touch()
    assert file.stat().st_mode == other.stat().st_mode


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "out.json"
    file.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        json_output.write(run_result(), file)
    assert file.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["out.json"]


def test_a_device_can_be_written_to() -> None:
    json_output.write(run_result(), Path(os.devnull))
    assert Path(os.devnull).is_char_device()
