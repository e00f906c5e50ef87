"""The comparison with other tools: who takes part, and that no answer is taken for more than it is."""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.peers import _field as field  # noqa: E402 — benchmarks are not installed
from benchmarks.peers import main  # noqa: E402 — as above
from benchmarks.peers._program import Case, Stopped  # noqa: E402 — as above
from benchmarks.peers._worlds import SleepingWorld, SoonWorld, TaskWorld  # noqa: E402 — as above

LONG = 60.0

# `json` stands for a tool that is installed.
TOOL = """
import asyncio
from benchmarks.peers._contest import Answer, Peer, Search

def run_once(case, seed):
    asyncio.run(case.main())
    return Answer(False, "all of it")

{body}

FINDS, PROOFS = (Search("finds", {run}),), (Search("proves", {prove}),)
PEER = Peer("{package}", FINDS, PROOFS, python={python}, ours={ours})
"""


class Rivals:
    """A package of tools that a test makes up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "rivals"
        self.folder.mkdir()
        (self.folder / "__init__.py").touch()

    def add(self, name: str, body: str = "", **options: Any) -> str:
        terms = {"package": "json", "run": "run_once", "python": (3, 11), "ours": False, **options}
        terms.setdefault("prove", terms["run"])
        (self.folder / f"{name}.py").write_text(TOOL.format(body=body, **terms))
        return f"rivals.{name}"

    def lines(self, name: str, limit: float = LONG) -> list[tuple[str, bool]]:
        return list(field.lines(f"rivals.{name}", limit))

    def text(self, name: str, limit: float = LONG) -> str:
        return "\n".join(line for line, _ in self.lines(name, limit))


@pytest.fixture
def rivals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rivals:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "rivals"]:
        monkeypatch.delitem(sys.modules, name)
    return Rivals(tmp_path)


def test_a_tool_takes_part_by_lying_in_the_package(rivals: Rivals) -> None:
    rivals.add("zeta")
    rivals.add("_not_one")
    assert field.modules("rivals") == ["rivals.zeta"]
    rivals.add("alpha")
    rivals.add("simharness")
    assert field.modules("rivals") == ["rivals.simharness", "rivals.alpha", "rivals.zeta"]


def test_every_tool_is_named_like_its_module_and_imported_by_nobody_in_advance() -> None:
    modules = field.modules()
    assert "benchmarks.peers.simharness" in modules
    for module in modules:
        for line in Path(importlib.import_module(module).__file__ or "").read_text().splitlines():
            assert not line.startswith((f"import {module.split('.')[-1]}", f"from {module.split('.')[-1]}"))
        assert importlib.import_module(module).PEER.package == module.split(".")[-1]


def test_a_tool_that_is_not_there_is_one_line_and_no_failure(rivals: Rivals) -> None:
    rivals.add("missing", package="no_such_tool")
    rivals.add("newer", package="no_such_tool", python=(3, 99))
    assert rivals.lines("missing") == [("no_such_tool: not installed (pip install no_such_tool)", False)]
    assert rivals.lines("newer") == [("no_such_tool: needs Python 3.99", False)]


def test_a_tool_that_samples_is_told_by_the_execution_that_stopped_a_bot(rivals: Rivals) -> None:
    body = """
def after_three(case, seed):
    for _ in range(3):
        bots = case.bots()
        assert case.holds(bots)
    if not case.fixed:
        bots[0].row["status"] = "STOPPED"
    return Answer(not case.holds(bots), "all of it")
"""
    rivals.add("sampler", body, run="after_three")
    text = rivals.text("sampler")
    assert "found after 3, 10 of 10 times" in text
    assert "proves, 2 symbols" in text
    assert len(re.findall(r'symbols? +3 executions, [0-9.]+ s; says "all of it"', text)) == 2
    assert "executions/s" in text


def test_a_tool_that_finds_nothing_is_told_so_with_its_claim(rivals: Rivals) -> None:
    rivals.add("blind")
    assert 'not in 1 execution, 10 of 10 times; says "all of it"' in rivals.text("blind")


def test_another_failure_than_the_bug_is_not_the_bug(rivals: Rivals) -> None:
    rivals.add("wrong", "def blame(case, seed):\n    return Answer(True, failure='a deadlock')", run="blame")
    text = rivals.text("wrong")
    assert "10 times reports another failure: a deadlock" in text
    assert "found after" not in text
    assert "reports a failure of the fixed version: a deadlock" in text


def test_a_search_without_an_end_is_told_as_far_as_it_came(rivals: Rivals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field, "GRACE_SECONDS", LONG)
    body = """
def prove(case, seed):
    for _ in range(7):
        run_once(case, seed)
    while True:
        pass
"""
    rivals.add("endless", body, prove="prove")
    text = rivals.text("endless", limit=1.0)
    assert "proves, 1 symbol" in text
    assert "not finished: 7 executions" in text
    assert "2 symbols" not in text  # what does not end for one does not end for two


def test_a_tool_that_cannot_be_interrupted_is_killed(rivals: Rivals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field, "GRACE_SECONDS", 0.5)
    body = """
import signal, time

def deaf(case, seed):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True:
        time.sleep(1)
"""
    module = rivals.add("deaf", body, run="deaf")
    assert field.ask(module, "find:0", 0.5) == {"killed": 1.0}
    assert field.found({"killed": 1.0}) == "killed after 1 s, without an answer"


def test_a_tool_that_crashes_costs_its_line(rivals: Rivals) -> None:
    body = "def crash(case, seed):\n    print('{}')\n    raise RuntimeError('no such luck')"
    rivals.add("broken", body, run="crash")
    found = rivals.lines("broken")
    assert "crashed: exit code 1: RuntimeError: no such luck" in found[1][0]
    assert not any(wrong for _, wrong in found)


def test_a_crash_of_ours_fails_the_benchmark(
    rivals: Rivals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rivals.add("simharness", "def crash(case, seed):\n    raise RuntimeError('no such luck')", run="crash", ours=True)
    monkeypatch.setattr(field, "modules", lambda: ["rivals.simharness"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert "no such luck" in capsys.readouterr().out


@pytest.mark.parametrize("world", [TaskWorld, SoonWorld, SleepingWorld])
def test_stock_asyncio_passes_both_versions(world: Any) -> None:
    """Else any test would find the bug in its first run, and there would be nothing to compare."""
    for fixed in (False, True):
        case = Case(symbols=2, fixed=fixed, world=world)
        asyncio.run(case.main())
        assert case.ledger.first_stopped is None


def test_a_stopped_bot_fails_the_program_and_is_in_the_ledger() -> None:
    class FrameFirst(SoonWorld):
        async def call(self, fn: Any, *, channel: str | None = None) -> Any:
            fn()
            await asyncio.sleep(0.001)

    case = Case(world=FrameFirst)
    with pytest.raises(Stopped):
        asyncio.run(case.main())
    assert case.ledger.first_stopped == 1


def test_ours_finds_the_bug_and_proves_the_fixed_version() -> None:
    ours = "benchmarks.peers.simharness"
    assert all(run["found"] and run["stopped"] for run in field.ask(ours, "find:0", LONG)["runs"])
    assert field.ask(ours, "prove:0:2", LONG)["claim"] == "proven, 1 interleaving"
    assert field.ask(ours, "prove:1:2", LONG)["claim"] == "proven, 16 interleavings"
