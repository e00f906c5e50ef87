"""The plugin collects the cases of scenarios that were asked for, and says what `simharness run` says."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from project import ENVIRONMENT, ROOT, pytest_in, write

from simharness.core.token import decode

CASES = ["scenarios/fills.yaml::fills[read-then-write]", "scenarios/fills.yaml::fills[in-one-statement]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    (tmp_path / "test_theirs.py").write_text("def test_theirs():\n    pass\n")
    return tmp_path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Both cases in two workers, the weak one not as expected."""
    folder = tmp_path_factory.mktemp("project")
    write(folder)
    words = ["-p", "xdist.plugin", "-n", "2", "--simharness", "scenarios", "--junit-xml=out.xml"]
    return folder, pytest_in(folder, *words, COLUMNS="120")


def test_a_missed_expectation_fails_with_the_timeline(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    said = ran[1].stdout
    assert ran[1].returncode == 1, said
    assert "1 failed, 1 passed" in said
    assert "expected proven, got violated by S13\n\n✗ FAIL fills  write=read-then-write" in said
    assert ">>A" in said
    assert f"FAILED {CASES[0]} - expected proven, got violated by S13" in said
    assert "Traceback" not in said


def test_timelines_fill_the_terminal_also_in_workers(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    (heading,) = [line for line in ran[1].stdout.splitlines() if line.lstrip().startswith("virtual t")]
    assert len(heading) == 120


def test_nothing_is_left_in_the_project(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    assert sorted(each.name for each in ran[0].iterdir() if each.name != "__pycache__") == [
        "my_bot.py", "my_system.py", "out.xml", "scenarios",
    ]  # fmt: skip


def test_verdict_and_token_are_properties(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    tree = ET.parse(ran[0] / "out.xml")
    (case,) = [each for each in tree.iter("testcase") if each.get("name") == "fills[read-then-write]"]
    properties = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert (properties["verdict"], properties["expected"]) == ("violated", "proven")
    assert int(str(properties["executions"])) > 1
    assert decode(str(properties["token"])).invariant == "S13"
    (failure,) = case.iter("failure")
    assert failure.get("message") == "expected proven, got violated by S13"
    assert str(properties["token"]) in str(failure.text)


def test_nobody_who_did_not_ask_notices_the_plugin(folder: Path) -> None:
    done = pytest_in(folder, "--collect-only", "-q", "--strict-markers")
    assert done.stdout.split() == [
        "test_theirs.py::test_theirs",
        "1",
        "test",
        "collected",
        "in",
        *done.stdout.split()[5:],
    ]
    done = pytest_in(folder, "scenarios/fills.yaml")
    assert "not found: " in done.stderr


COLLECTED = {
    "--simharness": ((), ("--simharness", "scenarios"), ["test_theirs.py::test_theirs", *CASES]),
    "a file": ((), ("--simharness", "scenarios/fills.yaml", "test_theirs.py"), ["test_theirs.py::test_theirs", *CASES]),
    "the ini option": (("scenarios",), (), ["test_theirs.py::test_theirs", *CASES]),
    "the ini option and a test": (("scenarios",), ("test_theirs.py",), ["test_theirs.py::test_theirs"]),
    "the ini option and a file": (("scenarios",), ("scenarios/fills.yaml",), CASES),
    "a case": (("scenarios",), (CASES[1],), CASES[1:]),
    "the marker": (("scenarios",), ("-m", "simharness"), CASES),
    "all but the marker": (("scenarios",), ("-m", "not simharness"), ["test_theirs.py::test_theirs"]),
    "test paths": (("scenarios", "testpaths"), (), ["tests/test_more.py::test_more", *CASES]),
}


@pytest.mark.parametrize(("ini", "words", "expected"), COLLECTED.values(), ids=COLLECTED)
def test_scenarios_are_collected_where_they_were_asked_for(
    folder: Path, ini: tuple[str, ...], words: tuple[str, ...], expected: list[str]
) -> None:
    lines = ["[pytest]", *(["simharness_scenarios = scenarios"] if "scenarios" in ini else [])]
    if "testpaths" in ini:
        (folder / "tests").mkdir()
        (folder / "tests" / "test_more.py").write_text("def test_more():\n    pass\n")
        lines.append("testpaths = tests")
    (folder / "pytest.ini").write_text("\n".join(lines))
    done = pytest_in(folder, "--collect-only", "-q", "--strict-markers", *words)
    assert sorted(line for line in done.stdout.splitlines() if "::" in line) == sorted(expected), done.stdout


def test_a_broken_scenario_is_one_line(folder: Path) -> None:
    broken = folder / "scenarios" / "broken.yaml"
    broken.write_text("scenario: broken\nsystm: m:f\n")
    done = pytest_in(folder, "--simharness", "scenarios/broken.yaml", "scenarios")
    assert "scenarios/broken.yaml:2: unknown key 'systm' in the scenario; did you mean 'system'?" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_factory_that_does_not_import_is_one_line(folder: Path) -> None:
    (folder / "scenarios" / "fills.yaml").write_text("scenario: gone\nsystem: no_such:thing\n")
    done = pytest_in(folder, "--simharness", "scenarios", "-m", "simharness")
    assert done.returncode == 1
    assert "scenarios/fills.yaml:2: cannot import 'no_such': ModuleNotFoundError" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_missing_folder_is_one_line(folder: Path) -> None:
    done = pytest_in(folder, "--simharness", "nowhere")
    assert done.returncode == 4
    assert done.stderr.strip() == f"ERROR: --simharness: {folder / 'nowhere'}: no such file or folder"


def test_the_plugin_loads_the_standard_library_and_pytest_only() -> None:
    code = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import simharness.pytest_plugin\n"
        "new = set(sys.modules) - before\n"
        "print(sorted(each for each in new if each.partition('.')[0] not in sys.stdlib_module_names))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout == "['simharness', 'simharness.pytest_plugin']\n"


def test_the_entry_point_is_declared_and_can_be_blocked(folder: Path) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    assert declared["pytest11"] == {"simharness": "simharness.pytest_plugin"}
    info = folder / "installed" / "declared-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: declared\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[pytest11]\nsimharness = simharness.pytest_plugin\n")
    path = {"PYTHONPATH": f"{ROOT}:{folder / 'installed'}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": ""}
    asked = ["--simharness", "scenarios", "--collect-only", "-q"]
    assert CASES[0] in pytest_in(folder, *asked, plugin=False, **path).stdout
    blocked = pytest_in(folder, "-p", "no:simharness", *asked, plugin=False, **path)
    assert "unrecognized arguments: --simharness" in blocked.stderr
