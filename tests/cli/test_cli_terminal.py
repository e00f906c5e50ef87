"""What is sent to which kind of terminal."""

from __future__ import annotations

from io import BytesIO, TextIOWrapper

import pytest

from simharness.cli.console import Wishes, terminal


class Stream(TextIOWrapper):
    def __init__(self, *, tty: bool, encoding: str = "utf-8") -> None:
        super().__init__(BytesIO(), encoding=encoding)
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


COLORS = [
    (Wishes(color=False), {"FORCE_COLOR": "1"}, True, False),
    (Wishes(color=True), {"NO_COLOR": "1"}, False, True),
    (Wishes(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
    (Wishes(), {"NO_COLOR": ""}, True, True),
    (Wishes(), {"FORCE_COLOR": "1", "CI": "1"}, False, True),
    (Wishes(), {"FORCE_COLOR": "0"}, True, False),
    (Wishes(), {"CI": "true"}, True, False),
    (Wishes(), {"TERM": "dumb"}, True, False),
    (Wishes(), {}, True, True),
    (Wishes(), {}, False, False),
]


@pytest.mark.parametrize(("wishes", "environment", "tty", "color"), COLORS)
def test_flags_go_before_no_color_before_force_color_before_ci_before_the_tty(
    wishes: Wishes, environment: dict[str, str], tty: bool, color: bool
) -> None:
    assert terminal(Stream(tty=tty), wishes, environment).color is color


@pytest.mark.parametrize(
    ("environment", "tty", "live"),
    [({}, True, True), ({}, False, False), ({"CI": "1"}, True, False), ({"FORCE_COLOR": "1"}, False, False)],
)
def test_only_a_terminal_in_front_of_a_person_is_live(environment: dict[str, str], tty: bool, live: bool) -> None:
    assert terminal(Stream(tty=tty), Wishes(), environment).live is live


@pytest.mark.parametrize(
    ("wishes", "environment", "width"),
    [
        (Wishes(), {}, 100),
        (Wishes(), {"COLUMNS": "140"}, 140),
        (Wishes(), {"COLUMNS": "7"}, 40),
        (Wishes(), {"COLUMNS": "wide"}, 100),
        (Wishes(width=60), {"COLUMNS": "140"}, 60),
    ],
)
def test_off_a_terminal_the_width_is_asked_for_or_100(wishes: Wishes, environment: dict[str, str], width: int) -> None:
    assert terminal(Stream(tty=False), wishes, environment).width == width


def test_a_stream_that_cannot_draw_gets_ascii() -> None:
    assert terminal(Stream(tty=True, encoding="latin-1"), Wishes(), {}).ascii_only
    assert terminal(Stream(tty=True), Wishes(ascii_only=True), {}).ascii_only
    assert not terminal(Stream(tty=True), Wishes(), {}).ascii_only
