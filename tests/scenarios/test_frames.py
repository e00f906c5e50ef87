"""Frames one at a time: far fewer interleavings, the same final states, and the certificate says what was left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from simharness.core.verdict import Verdict
from simharness.explore.strategy import build
from simharness.runner.case import run_case
from simharness.runner.certify import SINGLE_FRAMES
from simharness.runner.result import CaseResult, RunOptions
from simharness.runner.setting import setting_of, system_of
from simharness.scenario import Case, load
from simharness.world.stage import staged

SCENARIO = (Path(__file__).parents[2] / "scenarios" / "position-open.yaml").read_text(encoding="utf-8")


def written(folder: Path, frames: str) -> Case:
    """Return ``position-open`` with ``versioned-intent`` and these frames."""
    file = folder / f"{frames}.yaml"
    file.write_text(SCENARIO.replace("explore: {", f"explore: {{frames: {frames}, "), encoding="utf-8")
    (case,) = load(str(file)).cases({"registration_policy": ["versioned-intent"], "database": ["sqlite"]})
    return case


def states(case: Case) -> list[str]:
    """Return what each interleaving comes to."""
    with staged(setting_of(case), system_of(case)) as stage:
        return [repr(each.conclude()[0]) for each in build("dpor", stage.program, seed=0).executions()]


@pytest.mark.slow
def test_the_streams_of_the_manager_come_to_the_same_states(tmp_path: Path) -> None:
    """It takes the updates of a read one after the other, so reads of several add nothing."""
    singly, anyhow = (states(written(tmp_path, frames)) for frames in ("single", "any"))
    assert set(singly) == set(anyhow)
    assert len(singly) < len(anyhow) / 2


def test_the_certificate_says_what_was_left_out(tmp_path: Path) -> None:
    def result(frames: str) -> CaseResult:
        return run_case(written(tmp_path, frames), RunOptions(), lambda _: None)

    single, anyhow = result("single"), result("any")
    assert single.verdict is anyhow.verdict is Verdict.PROVEN
    assert single.certificate is not None
    assert anyhow.certificate is not None
    assert {*single.certificate.assumptions} - {*anyhow.certificate.assumptions} == {SINGLE_FRAMES}
