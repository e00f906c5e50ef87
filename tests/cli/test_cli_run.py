"""`simharness run`: what the runner is asked, what the user is told, what the caller gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console
from rich.text import Text

from simharness.cli.live import live_display
from simharness.cli.progress import LineObserver
from simharness.core.schedule import Schedule
from simharness.core.token import Token
from simharness.core.verdict import Counterexample, Finding, Verdict
from simharness.errors import Nondeterminism, ScenarioError
from simharness.runner.observer import Progress
from simharness.runner.result import CaseResult
from simharness.scenario import Case, parse

Call = Callable[..., Any]


def test_met_expectations_are_exit_code_0(simharness: Call, runner: Any) -> None:
    said = simharness("run", "scenarios")
    assert said.code == 0
    assert runner.cases[0].label == "policy=good database=sqlite"
    assert len(runner.cases) == 4
    assert "every expectation is met" in said.out


def test_a_missed_expectation_is_exit_code_1_and_named(simharness: Call, runner: Any) -> None:
    runner.judge = lambda case: CaseResult.of(case, Verdict.PROVEN)
    said = simharness("run", "scenarios", "--case", "database=sqlite")
    assert said.code == 1
    assert "demo policy=bad database=sqlite: expected violated, got proven" in said.out
    assert "policy=good" not in said.out.split("not as expected")[1]


def test_a_violation_of_something_else_is_exit_code_1_and_says_what_is_missing(simharness: Call, runner: Any) -> None:
    def other(case: Case) -> CaseResult:
        return CaseResult.of(case, Verdict.VIOLATED)

    runner.judge = other
    said = simharness("run", "scenarios", "--case", "policy=bad")
    assert said.code == 1
    assert "expected a violation of Q5, found nothing that stock asyncio can reach" in said.out


def test_an_error_is_exit_code_3_and_its_reason_is_told(simharness: Call, runner: Any) -> None:
    runner.judge = lambda case: CaseResult.of(case, Verdict.ERROR, error="the probe audit failed at step 17")
    said = simharness("run", "scenarios")
    assert said.code == 3
    assert "the probe audit failed at step 17" in said.out


def test_timelines_come_as_they_are_and_before_the_table(simharness: Call) -> None:
    said = simharness("run", "scenarios", "--case", "database=sqlite")
    assert ">>A [order] of demo policy=bad database=sqlite\n" in said.out
    assert said.out.index(">>A") < said.out.index("every expectation is met")


def test_one_order_is_drawn_once_for_all_that_it_violates(simharness: Call, runner: Any) -> None:
    """The other findings stand below it with their tokens; --full draws each."""

    def judge(case: Case) -> CaseResult:
        tokens = {invariant: Token(case.subject, 7, Schedule(), invariant).encode() for invariant in ("Q5", "S16")}
        found = tuple(
            Counterexample(Finding(invariant, "it broke"), Schedule(), "d" * 16, token, True, 1)
            for invariant, token in tokens.items()
        )
        timelines = {token: Text(f"drawn {invariant}") for invariant, token in tokens.items()}
        return CaseResult.of(case, Verdict.VIOLATED, counterexamples=found, timelines=timelines)

    runner.judge = judge
    words = ("run", "scenarios", "--case", "policy=bad", "--case", "database=sqlite")
    said = simharness(*words).out
    assert (said.count("drawn Q5"), said.count("drawn S16")) == (1, 0)
    assert "Also    S16 it broke\nReplay  simharness replay sh1-" in said
    assert simharness(*words, "--full").out.count("drawn ") == 2


def test_progress_goes_to_stderr_one_line_for_each_case(simharness: Call) -> None:
    said = simharness("run", "scenarios")
    assert len(said.err.splitlines()) == 4
    assert "demo policy=bad database=sqlite" in said.err
    assert "\x1b" not in said.err + said.out


def test_quiet_says_nothing_on_the_way_and_draws_only_what_failed(simharness: Call) -> None:
    said = simharness("run", "scenarios", "--quiet")
    assert said.err == ""
    assert ">>A" not in said.out
    assert "every expectation is met" in said.out


def test_warnings_go_to_stderr(simharness: Call, runner: Any) -> None:
    warning = Finding("S12", "an await under a lock", warning=True)
    runner.judge = lambda case: CaseResult.of(case, Verdict.VIOLATED, warnings=(warning,))
    said = simharness("run", "scenarios", "--case", "policy=bad", "--case", "database=sqlite")
    assert "warning: demo policy=bad database=sqlite: S12 an await under a lock" in said.err


def test_a_warning_of_several_cases_is_said_once(simharness: Call, runner: Any) -> None:
    warning = Finding("S12", "an await under a lock", warning=True)
    runner.judge = lambda case: CaseResult.of(
        case, Verdict.PASSED, warnings=(warning,) if case.values["policy"] == "bad" else ()
    )
    said = simharness("run", "scenarios", "--quiet")
    assert said.err == "warning: demo, 2 of 4 cases: S12 an await under a lock\n"
    said = simharness("run", "scenarios", "--quiet", "--case", "policy=bad")
    assert said.err == "warning: demo, all 2 cases: S12 an await under a lock\n"


def test_options_reach_the_runner(simharness: Call, runner: Any) -> None:
    words = "--time 90s --executions 7 --jobs 2 --report out --resume --seed 5 --audit 9 --full --ascii --width 77"
    simharness("run", "scenarios", *words.split())
    options = runner.options
    assert (options.time_ns, options.executions, options.jobs, options.report_dir) == (90 * 10**9, 7, 2, Path("out"))
    assert (options.resume, options.seed, options.audit) == (True, 5, 9)
    assert (options.layout.full, options.layout.ascii_only, options.layout.width) == (True, True, 77)


def test_ascii_is_ascii(simharness: Call) -> None:
    said = simharness("run", "scenarios", "--ascii")
    assert (said.out + said.err).isascii()


def test_results_are_written_as_json_and_junit(simharness: Call, folder: Path) -> None:
    simharness("run", "scenarios", "--json", "out/r.json", "--junit", "out/r.xml")
    document = json.loads((folder / "out" / "r.json").read_text())
    suite = ET.parse(folder / "out" / "r.xml").getroot()[0]
    assert [case["ok"] for case in document["cases"]] == [True] * 4
    assert suite.get("tests") == "4"


def test_an_interrupted_run_writes_and_prints_what_is_known(simharness: Call, runner: Any, folder: Path) -> None:
    runner.interrupted_after = 2
    said = simharness("run", "scenarios", "--json", "r.json")
    document = json.loads((folder / "r.json").read_text())
    assert said.code == 130
    assert (document["interrupted"], len(document["cases"])) == (True, 2)
    assert "demo" in said.out
    assert said.out.splitlines()[-1].startswith("interrupted")


def test_a_place_that_cannot_be_written_is_found_before_the_run(simharness: Call, runner: Any, folder: Path) -> None:
    said = simharness("run", "scenarios", "--json", "scenarios")
    assert (said.code, said.err) == (2, "--json: scenarios is a folder\n")
    assert runner.cases == []


def test_a_write_that_fails_after_the_run_is_exit_code_3(
    simharness: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    said = simharness("run", "scenarios", "--json", "r.json")
    assert said.code == 3
    assert "r.json: cannot be written: No space left on device" in said.err
    assert "every expectation is met" in said.out


USAGE = {
    "an unknown case key": (["--case", "polcy=bad"], "unknown case key 'polcy'; did you mean 'policy'?"),
    "an unknown case value": (
        ["--case", "policy=goood"],
        "unknown value for the case key 'policy': 'goood'; did you mean 'good'?",
    ),
    "no case value": (["--case", "policy"], "--case takes KEY=VALUE, not 'policy'"),
    "no duration": (
        ["--time", "soon"],
        "--time: not a duration: 'soon'; write a number and a unit, such as 250ms, 60s, 10m",
    ),
    "a report into a file": (["--report", "scenarios/demo.yaml"], "--report: scenarios/demo.yaml is not a folder"),
    "no file": (["--json", "-"], "--json: name a file; standard output is /dev/stdout"),
}


@pytest.mark.parametrize(("words", "message"), USAGE.values(), ids=USAGE)
def test_a_bad_option_is_one_line_and_exit_code_2(simharness: Call, words: list[str], message: str) -> None:
    said = simharness("run", "scenarios", *words)
    assert (said.code, said.err, said.out) == (2, message + "\n", "")


def test_a_broken_scenario_is_one_line_for_each_mistake(simharness: Call, folder: Path) -> None:
    (folder / "bad.yaml").write_text("scenario: bad\nsystem: json:loads\nchek: all\nexplore: {strategy: dporr}\n")
    said = simharness("run", "bad.yaml")
    assert said.code == 2
    assert said.err.splitlines() == [
        "bad.yaml:3: unknown key 'chek' in the scenario; did you mean 'check'?",
        "bad.yaml:4: unknown strategy 'dporr'; did you mean 'dpor'?",
    ]


RAISED = [
    (ScenarioError("install simharness[postgresql]"), 2, "install simharness[postgresql]\n"),
    (Nondeterminism("two runs differed"), 3, "two runs differed\n"),
    (KeyboardInterrupt(), 130, "interrupted\n"),
    (
        ValueError("odd\nthing"),
        3,
        "internal error: ValueError: odd thing, please report; rerun with SIMHARNESS_TRACEBACK=1\n",
    ),
]


@pytest.mark.parametrize(("error", "code", "message"), RAISED)
def test_nothing_that_is_raised_becomes_a_traceback(
    simharness: Call, runner: Any, error: BaseException, code: int, message: str
) -> None:
    runner.raises = error
    said = simharness("run", "scenarios")
    assert (said.code, said.err) == (code, message)


def test_a_traceback_is_there_for_whoever_asks(simharness: Call, runner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMHARNESS_TRACEBACK", "1")
    runner.raises = ValueError("odd")
    said = simharness("run", "scenarios")
    assert said.code == 3
    assert said.err.startswith("Traceback (most recent call last):")


def test_colours_can_be_forced_into_a_pipe(simharness: Call) -> None:
    assert "\x1b[" in simharness("run", "scenarios", "--color").out


def test_counters_are_written_now_and_then() -> None:
    (case,) = parse("scenario: demo\nsystem: m:f\n", "x.yaml").cases()
    now_s = 0.0
    lines: list[str] = []
    observer = LineObserver(3, lines.append, clock=lambda: now_s)
    observer.progress(case, Progress(5, 5))
    now_s = 11.0
    observer.progress(case, Progress(1234, 1000, 2000, 3234, eta_s=63))
    observer.progress(case, Progress(1235, 1000))
    expected = "demo  1,234 executions, 766–2,000 left, ETA 1 min 03 s  (0 of 3 cases, 1,234 executions, 11 s)"
    assert lines == [expected]


def test_the_live_display_shows_what_runs_and_what_is_over() -> None:
    text = "scenario: demo\nsystem: m:f\nmatrix: {a: [x, y]}\n"
    one, two = parse(text, "x.yaml").cases()
    stream = StringIO()
    console = Console(file=stream, width=100, force_terminal=True, color_system=None)
    with live_display(console, 2, ascii_only=False) as live:
        live.case_started(one)
        live.case_started(two)
        live.case_finished(CaseResult.of(one, Verdict.PROVEN, executions=7))
        live.progress(two, Progress(5, 5, 10, 20))
        shown = live.__rich__().plain
    assert shown.splitlines()[0].startswith("1 of 2 cases, 12 executions")
    assert shown.splitlines()[1:] == ["  demo a=y  5 executions, 5–15 left"]
    assert "demo a=x" in stream.getvalue()
