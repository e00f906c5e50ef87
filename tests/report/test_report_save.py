"""Saved timelines: stable names, stable contents, nothing that names a machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import mission_bug as bug
import pytest

from simharness.core.verdict import RecordedExecution
from simharness.report.save import portable_source, report_stem, save_timeline, to_svg
from simharness.report.timeline import render

STEM = "bot-update--flush-then-cancel--sqlite--Q5"


def save(directory: Path, failing: RecordedExecution | None = None) -> tuple[str, str]:
    saved = save_timeline(directory, failing or bug.failing(), bug.passing(), bug.heading(), bug.counterexample())
    return saved.text.read_text(encoding="utf-8"), saved.svg.read_text(encoding="utf-8")


def test_the_files_are_named_after_scenario_case_and_invariant(tmp_path: Path) -> None:
    save(tmp_path / "reports")
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == [f"{STEM}.svg", f"{STEM}.txt"]


def test_the_same_execution_gives_the_same_bytes_everywhere(tmp_path: Path) -> None:
    assert save(tmp_path / "one") == save(tmp_path / "another" / "place")


def test_the_environment_does_not_show_in_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = save(tmp_path)
    for key, value in {"COLUMNS": "40", "NO_COLOR": "1", "TERM": "dumb", "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(key, value)
    assert save(tmp_path) == before


def test_the_picture_is_xml_and_has_every_line() -> None:
    text = render(bug.failing(), bug.passing(), bug.heading(), bug.counterexample(), width=100)
    picture = ET.fromstring(to_svg(text, "bot-update", width=100))
    shown = "".join(picture.itertext()).replace("\xa0", " ")
    for line in text.plain.splitlines():
        for word in line.split():
            assert word in shown


def test_two_texts_do_not_share_the_ids_of_their_pictures() -> None:
    one = to_svg(render(bug.failing(), None, bug.heading(), bug.counterexample()), "a", width=100)
    two = to_svg(render(bug.failing(), bug.passing(), bug.heading(), bug.counterexample()), "a", width=100)
    assert one[one.index(".sh") :][:15] != two[two.index(".sh") :][:15]


def test_no_absolute_path_is_saved(tmp_path: Path) -> None:
    failing = bug.failing()
    steps = list(failing.steps)
    operation = replace(steps[15].operations[0], source="/home/somebody/work/bot/managers/bots/events.py:41")
    steps[15] = replace(steps[15], operations=(operation,))
    for text in save(tmp_path, replace(failing, steps=tuple(steps))):
        assert "somebody" not in text
        assert "managers/bots/events.py:41" in text
        assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("managers/bots/api.py:81", "managers/bots/api.py:81"),
        ("/a/b/c/d/e.py:7", "c/d/e.py:7"),
        ("/venv/lib/python3.11/site-packages/bot/core/api.py:3", "bot/core/api.py:3"),
        ("C:\\Users\\me\\bot\\core\\api.py:3", "bot/core/api.py:3"),
        ("/x.py", "x.py"),
    ],
)
def test_a_source_keeps_what_is_not_about_the_machine(source: str, expected: str) -> None:
    assert portable_source(source) == expected


def test_names_that_had_to_be_changed_stay_apart() -> None:
    stems = {
        report_stem("a b", {"x": "1"}, "Q5"),
        report_stem("a/b", {"x": "1"}, "Q5"),
        report_stem("a-b", {"x": "1"}, "Q5"),
        report_stem("a-b", {"x": "../../etc"}, "Q5"),
    }
    assert len(stems) == 4
    assert all("/" not in stem and " " not in stem for stem in stems)


def test_a_name_stays_short_enough_for_a_file() -> None:
    stem = report_stem("s", {"key": "v" * 500}, "Q5")
    assert len(stem) < 200
    assert stem != report_stem("s", {"key": "v" * 501}, "Q5")
