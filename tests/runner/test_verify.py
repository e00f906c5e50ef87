"""A certificate, of whatever ended its search, is verified by the search that it speaks of."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from simharness.errors import ScenarioError
from simharness.runner.case import Interrupted, run_case
from simharness.runner.observer import Progress
from simharness.runner.result import RunOptions
from simharness.runner.verify import verify
from simharness.scenario import Case, load

SHIPPED = Path(__file__).parents[2] / "scenarios" / "bot-stop.yaml"
AT_ONCE = "strategy: dpor, semantics: stock, faults: 0, executions: 20000"


def case_of(folder: Path, search: str = AT_ONCE, policy: str = "cancel-then-mark") -> Case:
    text = SHIPPED.read_text(encoding="utf-8").partition("expect:")[0]
    file = folder / "stop.yaml"
    assert AT_ONCE in text
    text = text.replace(AT_ONCE, search)
    if "faults: 1" in search:
        text = text.replace("explore:", "faults: [request_lost]\nexplore:")
    file.write_text(text, "utf-8")
    (case,) = load(file).cases({"cancel_policy": [policy], "database": ["sqlite"]})
    return case


def certificate_of(case: Case, folder: Path, **options: Any) -> Path:
    run_case(case, RunOptions(report_dir=folder, **options), lambda _: None)
    (file,) = folder.glob("*certificate.json")
    return file


SEARCHES = {
    "ended by itself": AT_ONCE,
    "ended by a number of executions": AT_ONCE.replace("20000", "3"),
    "ended by a level": f"{AT_ONCE}, reversals: 1",
    "a sample": AT_ONCE.replace("dpor", "pos").replace("20000", "5"),
    "with a smaller budget of faults first": AT_ONCE.replace("faults: 0", "faults: 1").replace("20000", "9"),
}


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_a_certificate_holds_as_long_as_nothing_has_changed(search: str, tmp_path: Path) -> None:
    file = certificate_of(case_of(tmp_path, search), tmp_path, seed=4)
    found = verify(file)
    assert found.ok, found.lines


def test_a_search_that_a_violation_ended_is_verified(tmp_path: Path) -> None:
    search = f"{AT_ONCE}, after_violation: 2"
    file = certificate_of(case_of(tmp_path, search, "flush-then-cancel"), tmp_path)
    assert not json.loads(file.read_text("utf-8"))["certificate"]["exhausted"]
    found = verify(file)
    assert found.ok, found.lines


def test_a_search_that_ctrl_c_ended_among_fewer_faults_is_verified(tmp_path: Path) -> None:
    def press(progress: Progress) -> None:
        if progress.executions == 1 and not progress.stopping:
            os.kill(os.getpid(), signal.SIGINT)

    case = case_of(tmp_path, AT_ONCE.replace("faults: 0", "faults: 1"))
    with pytest.raises(Interrupted):
        run_case(case, RunOptions(report_dir=tmp_path), press)
    (file,) = tmp_path.glob("*certificate.json")
    assert "faults ≤ 0 of 1" in json.loads(file.read_text("utf-8"))["certificate"]["bounds"]
    found = verify(file)
    assert found.ok, found.lines


@pytest.mark.parametrize("stated", [2, 4])
def test_another_number_of_executions_is_found_out(stated: int, tmp_path: Path) -> None:
    file = certificate_of(case_of(tmp_path, SEARCHES["ended by a number of executions"]), tmp_path)
    document = json.loads(file.read_text("utf-8"))
    document["certificate"]["executions"] = stated
    file.write_text(json.dumps(document), "utf-8")
    found = verify(file)
    assert not found.ok
    assert f"traces: {stated}, the certificate says 3" in found.lines


def test_what_several_processes_left_open_cannot_be_explored_again(tmp_path: Path) -> None:
    file = certificate_of(case_of(tmp_path, SEARCHES["ended by a number of executions"]), tmp_path)
    document = json.loads(file.read_text("utf-8"))
    document["search"]["shared"] = True
    file.write_text(json.dumps(document), "utf-8")
    with pytest.raises(ScenarioError, match="several processes shared this search"):
        verify(file)
