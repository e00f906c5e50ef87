"""Equal values have one text, in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from simharness.core.canonical import canonical

PRINT = """
from dataclasses import dataclass
from simharness.core.canonical import canonical

@dataclass(frozen=True)
class Ledger:
    locked: frozenset
    by_symbol: dict

print(canonical((Ledger(frozenset("abcdefgh"), {"ETH": [{"x", "y", "z"}]}), {"one", "two", "three"})))
"""


def printed(seed: int) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.run(
        [sys.executable, "-c", PRINT], env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_sets_at_any_depth_have_one_text_in_every_process() -> None:
    assert len({printed(seed) for seed in (0, 1, 2)}) == 1


def test_what_differs_has_another_text() -> None:
    different = [frozenset("ab"), {"a", "b", "c"}, ["a"], ("a",), {"a": 1}, {"a": 2}, "a", 1, True, None]
    assert len({canonical(value) for value in different}) == len(different)
    assert canonical({"a": 1, "b": 2}) != canonical({"b": 2, "a": 1})


def test_a_dataclass_may_speak_for_itself() -> None:
    @dataclass(repr=False)
    class Hidden:
        address: int

        def __repr__(self) -> str:
            return "hidden"

    assert canonical([Hidden(1)]) == "[hidden]"


def test_what_has_no_set_inside_is_shown_as_usual() -> None:
    @dataclass
    class Fill:
        quantity: int

    for value in ([1, "a"], ("a",), (), ("a", 2), {"a": [Fill(1)]}, set(), frozenset(), {3}, frozenset({"a"})):
        assert canonical(value) == repr(value)
