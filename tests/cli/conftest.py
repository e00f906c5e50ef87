"""A project to stand in, and a fake runner where the commands import the real one from."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fake_runner import SCENARIO, SYSTEM, FakeRunner, Said

from simharness.cli import main


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    fake = FakeRunner()
    for name, function in [("run", "run_cases"), ("replay", "replay"), ("doctor", "diagnose"), ("verify", "verify")]:
        module: Any = ModuleType(f"simharness.runner.{name}")
        setattr(module, function, getattr(fake, function))
        monkeypatch.setitem(sys.modules, f"simharness.runner.{name}", module)
        # The command has to import it anew, now and when the test is over: what is undone is the setting.
        monkeypatch.setitem(sys.modules, f"simharness.cli.{name}", module)
        del sys.modules[f"simharness.cli.{name}"]
    for variable in ("NO_COLOR", "FORCE_COLOR", "CI", "COLUMNS"):
        monkeypatch.delenv(variable, raising=False)
    return fake


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one scenario, and we stand in it."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "demo.yaml").write_text(SCENARIO)
    (tmp_path / "demo_system.py").write_text(SYSTEM)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def simharness(runner: FakeRunner, folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command line in the project."""

    def call(*words: str) -> Said:
        capsys.readouterr()
        code = main(words)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return call
