"""Scenarios as pytest items, and a fixture that explores a program inside an ordinary test.

The plugin does nothing until it is asked for: no file is collected that neither ``--simharness`` nor the ini option
``simharness_scenarios`` names, no fixture is used that no test requests, nothing is patched outside an item. It
imports the standard library and pytest; everything else comes when a scenario is collected.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from simharness.program.result import Result
    from simharness.runner.result import CaseResult, Layout
    from simharness.scenario import Case, Scenario

_SUFFIXES = (".yaml", ".yml")
# A YAML file without this key is somebody else's, unless it was named itself.
_SCENARIO = re.compile(r"^(scenario|'scenario'|\"scenario\")\s*:", re.MULTILINE)
_WIDTH_OFF_TERMINAL = 100
_WIDTH_MIN = 60

_asked = pytest.StashKey[list[Path]]()
_layout = pytest.StashKey[tuple[int, bool]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--simharness`` and ``simharness_scenarios``."""
    parser.getgroup("simharness").addoption(
        "--simharness",
        action="append",
        default=[],
        metavar="PATH",
        help="run the simharness scenarios in this file or folder too; may be given several times",
    )
    parser.addini(
        "simharness_scenarios",
        "files and folders, relative to this file, whose simharness scenarios belong to the suite",
        type="paths",
        default=[],
    )


@pytest.hookimpl(trylast=True)  # the terminal reporter knows the width, and is made by then
def pytest_configure(config: pytest.Config) -> None:
    """Note what was asked for, and make sure that pytest looks there."""
    config.addinivalue_line("markers", "simharness: a case of a simharness scenario")
    typed = [(config.invocation_params.dir / each).resolve() for each in config.getoption("simharness")]
    for path in typed:
        if not path.exists():
            raise pytest.UsageError(f"--simharness: {path}: no such file or folder")
    listed = [Path(each).resolve() for each in config.getini("simharness_scenarios")]
    config.stash[_asked] = [*typed, *listed]
    config.stash[_layout] = _measure(config)
    # Whoever names files on the command line wants those and no others.
    whole_suite = config.args_source is not pytest.Config.ArgsSource.ARGS
    for path in [*typed, *(listed if whole_suite else [])]:
        if path.exists() and not _is_visited(path, config):
            config.args.append(str(path))


def _is_visited(path: Path, config: pytest.Config) -> bool:
    roots = [(config.invocation_params.dir / each.partition("::")[0]).resolve() for each in config.args]
    return any(path.is_relative_to(root) for root in roots)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist, which has no terminal, what ours is like."""
    node.workerinput["simharness_layout"] = node.config.stash[_layout]


def _measure(config: pytest.Config) -> tuple[int, bool]:
    """Return the columns to draw in, and whether to keep to ASCII."""
    told: tuple[int, bool] | None = getattr(config, "workerinput", {}).get("simharness_layout")
    if told is not None:
        return told
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() or (reporter is not None and reporter.isatty):
        width = config.get_terminal_writer().fullwidth
    else:
        width = _WIDTH_OFF_TERMINAL
    try:
        "│─●○→…".encode(getattr(sys.__stdout__, "encoding", None) or "ascii")
    except (LookupError, UnicodeEncodeError):
        return max(width, _WIDTH_MIN), True
    return max(width, _WIDTH_MIN), False


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a scenario file that was asked for."""
    asked = parent.config.stash[_asked]
    if file_path.suffix not in _SUFFIXES or not asked:
        return None
    path = file_path.resolve()
    if path in asked or (any(path.is_relative_to(each) for each in asked) and _is_scenario(path)):
        file: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
        return file
    return None


def _is_scenario(path: Path) -> bool:
    try:
        return _SCENARIO.search(path.read_text(encoding="utf-8-sig", errors="replace")) is not None
    except OSError:
        return True  # whoever loads it says what is wrong


class ScenarioFile(pytest.File):
    """A scenario file; its cases are its items."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for each case."""
        scenario = self._load()
        for case in scenario.cases():
            values = "-".join(case.values.values())
            name = f"{scenario.name}[{values}]" if values else scenario.name
            yield ScenarioCase.from_parent(self, name=name, case=case)

    def _load(self) -> Scenario:
        from simharness.errors import ScenarioError
        from simharness.scenario import load, messages_of

        try:
            return load(os.path.relpath(self.path))
        except ScenarioError as error:
            raise self.CollectError("\n".join(messages_of(error))) from None


class CaseFailed(Exception):
    """A case did not come out as expected.

    Args:
        complaint: what is wrong, one sentence.
        evidence: the timelines.
    """

    def __init__(self, complaint: str, evidence: str) -> None:
        super().__init__(complaint if evidence == complaint else f"{complaint}\n\n{evidence}")
        self.complaint = complaint


class ScenarioCase(pytest.Item):
    """One case of a scenario.

    Args:
        case: what to explore.
        options: name and parent.
    """

    def __init__(self, *, case: Case, **options: Any) -> None:
        super().__init__(**options)
        self.case = case
        self.add_marker("simharness")

    def runtest(self) -> None:
        """Explore the case and hold the verdict against what the scenario expects."""
        from simharness.runner.case import run_case
        from simharness.runner.junit import evidence
        from simharness.runner.result import RunOptions

        with _unheard_logs():
            result = run_case(self.case, RunOptions(layout=_layout_of(self.config), checkpoint_dir=None), _look_away)
        self._note(result)
        if result.complaint is not None:
            raise CaseFailed(result.complaint, evidence(result))

    def _note(self, result: CaseResult) -> None:
        self.user_properties.append(("verdict", str(result.verdict)))
        if result.expected is not None:
            self.user_properties.append(("expected", result.expected))
        self.user_properties.append(("executions", str(result.executions)))
        self.user_properties.extend(("token", each.token) for each in result.counterexamples)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the timeline, or one line for bad input; our own mistakes keep their traceback."""
        from simharness.errors import SimharnessError

        if not isinstance(excinfo.value, CaseFailed | SimharnessError):
            return super().repr_failure(excinfo, style)
        shown = excinfo.getrepr(style="value")
        if shown.reprcrash is not None:
            # What the short summary and JUnit's message say: one line, where the scenario stands.
            shown.reprcrash.path = os.path.relpath(self.path)
            shown.reprcrash.lineno = self._line
            shown.reprcrash.message = getattr(excinfo.value, "complaint", None) or str(excinfo.value)
        return shown

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the scenario stands, and the name of the case."""
        return self.path, self._line - 1, self.name

    @property
    def _line(self) -> int:
        return self.case.scenario.lines.get("scenario", 1)


def _look_away(_progress: object) -> None:
    """Hear of the progress and do nothing."""


def _layout_of(config: pytest.Config) -> Layout:
    from simharness.runner.result import Layout

    width, ascii_only = config.stash[_layout]
    return Layout(width, ascii_only)


@contextmanager
def _unheard_logs() -> Iterator[None]:
    """Keep what a program logs in thousands of executions out of pytest's captured log of one test."""
    root = logging.getLogger()
    # Not an empty list: logging would then write warnings to stderr on its own.
    handlers, root.handlers = root.handlers, [logging.NullHandler()]
    try:
        yield
    finally:
        root.handlers = handlers


@pytest.fixture
def simharness_explore(request: pytest.FixtureRequest) -> Callable[..., Result]:
    """Return :func:`simharness.explore` that fails the test, with the timeline, if something is violated.

    It takes the same arguments, and ``proof=True`` to fail also where a bound ended the search. The tokens of the
    violations become properties of the test (``user_properties``, JUnit's ``<property>``).
    """

    def explore(program: Callable[[], Any], *, proof: bool = False, **options: Any) -> Result:
        import simharness

        with _unheard_logs():
            result = simharness.explore(program, **options)
            complaint = _complaint(result, proof)
            if complaint is None:
                return result
            drawn = {key: value for key, value in options.items() if key not in _SEARCH_ONLY}
            width, ascii_only = request.config.stash[_layout]
            timelines = [
                simharness.timeline(program, each.token, width=width, ascii_only=ascii_only, **drawn)
                for each in result.violations
            ]
        for each in result.violations:
            request.node.user_properties.append(("token", each.token))
        pytest.fail("\n\n".join([complaint, *timelines]), pytrace=False)

    return explore


# Arguments of explore that a single schedule has no use for.
_SEARCH_ONLY = frozenset({"strategy", "executions", "time", "seed", "reversals", "delays", "jobs"})


def _complaint(result: Result, proof: bool) -> str | None:
    count = f"{result.executions} execution{'s' * (result.executions != 1)}"
    if result.violations:
        messages = "; ".join(f"{each.kind}: {each.message}" for each in result.violations)
        return f"{result.verdict} in {count}: {messages}"
    if result.verdict == "proven" or (result.verdict == "passed" and not proof):
        return None
    bounds = ", ".join(result.certificate.bounds) or "nothing was exhausted"
    return f"{result.verdict} after {count}, not proven: {bounds}"
