"""What only a process of its own can show: what is imported, signals, closed pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fake_runner import SCENARIO, SYSTEM

HEAVY = ["asyncpg", "ccxt", "fastapi", "httpx", "psycopg", "pydantic", "rich", "sqlalchemy", "sqlglot"]

PROBE = """
import sys
from simharness.cli import main
code = main(sys.argv[1:])
print(code, *sorted(set(sys.modules) & set({heavy!r})), file=sys.stderr)
"""


def python(script: str, *words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "demo.yaml").write_text(SCENARIO)
    (tmp_path / "demo_system.py").write_text(SYSTEM)
    return tmp_path


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["list"], ["run", "--help"]], ids=" ".join)
def test_help_version_and_list_import_nothing_heavy(project: Path, words: list[str]) -> None:
    said = python(PROBE.format(heavy=HEAVY), *words, folder=project)
    assert said.stderr == "0\n"


def test_help_works_in_a_broken_project(tmp_path: Path) -> None:
    (tmp_path / "scenarios").write_text("a file, no folder")
    assert python(PROBE.format(heavy=HEAVY), "--help", folder=tmp_path).stderr == "0\n"


def test_the_package_can_be_executed(project: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "simharness", "check", "scenarios"],
        cwd=project, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (said.returncode, said.stdout) == (0, "scenarios/demo.yaml: ok, demo, 4 cases\n")


WAITING_RUNNER = """
import signal, sys, threading, types
from simharness.cli import main
from simharness.core.verdict import Verdict
from simharness.runner.result import CaseResult, RunResult

# A shell that starts jobs in the background lets them ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

def run_cases(cases, options, observer):
    done = CaseResult.of(cases[0], Verdict.PASSED)
    try:
        observer.case_started(cases[0])
        observer.case_finished(done)
        print("ready", flush=True)
        threading.Event().wait(50)
    except KeyboardInterrupt:
        return RunResult((done,), interrupted=True)

fake = types.ModuleType("simharness.runner.run")
fake.run_cases = run_cases
sys.modules[fake.__name__] = fake
sys.exit(main(["run", "scenarios", "--json", "out.json", "--junit", "out.xml"]))
"""


def test_ctrl_c_prints_and_writes_what_is_known_and_exits_130(project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING_RUNNER],
        cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=50)
    assert process.returncode == 130
    assert "interrupted" in out
    assert "Traceback" not in err
    assert len(json.loads((project / "out.json").read_text())["cases"]) == 1
    assert (project / "out.xml").is_file()


def test_a_closed_pipe_is_no_error(project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "simharness", "schema"],
        cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_terminal_without_unicode_gets_ascii_and_no_crash(project: Path) -> None:
    (project / "scenarios" / "demo.yaml").write_text("scenario: demo\nsystem: m:f\nabout: ≤ …\n")
    said = python(PROBE.format(heavy=[]), "list", folder=project, PYTHONIOENCODING="ascii")
    assert said.stderr == "0\n"
    assert "\\u2264" in said.stdout
