"""The doctor names where two runs of one schedule part, and what cannot be simulated."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BOT = """
import random
import secrets
import threading

from sqlalchemy import text

CALLED = [0]


class FillBook:
    def __init__(self, engine, *, how):
        self._engine = engine
        self._value = getattr(self, how)

    async def add(self, quantity):
        async with self._engine.begin() as connection:
            await connection.execute(text("UPDATE fills SET total = :t WHERE id = 1"), {"t": self._value()})

    def by_chance(self):
        return random.Random().randrange(2**40) + secrets.randbelow(2**40)

    def by_global(self):
        CALLED[0] += 1
        return CALLED[0]

    def by_hash(self):
        return hash("a bot")

    def by_thread(self):
        try:
            threading.Thread(target=print).start()
        except Exception:
            return 1
        return 2
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("project")
    document = (ROOT / "docs" / "writing-a-system.md").read_text(encoding="utf-8")
    system = re.findall(r"```python\n(.*?)```", document, re.DOTALL)[1]
    (folder / "my_bot.py").write_text(BOT)
    (folder / "my_system.py").write_text(
        system.replace('write: str = "read-then-write"', "how: str").replace(
            'safe=write == "in-one-statement"', "safe=how"
        ).replace("safe=safe", "how=safe")
    )  # fmt: skip
    (folder / "sick.yaml").write_text(
        "scenario: sick\nsystem: my_system:fill_book\n"
        "matrix: {how: [by_chance, by_global, by_hash, by_thread]}\n"
        "when: [{call: add, args: {quantity: 1}}]\ncheck: [S12, S13]\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "simharness", "doctor", "sick.yaml"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    return done.stdout


def test_chance_is_virtual_however_it_is_asked_for(said: str) -> None:
    assert "by_chance" not in said


def test_a_module_global_that_outlives_an_execution_is_found_in_one_process(said: str) -> None:
    assert re.search(r"how=by_global: schedule 0, step \d+: “UPDATE fills#1 total=\d+ .*my_bot\.py:\d+", said)
    assert "run again in the same process" in said


def test_what_depends_on_hashes_is_found_in_another_process(said: str) -> None:
    assert re.search(r"how=by_hash: schedule 0, .*my_bot\.py:\d+.* in another process with PYTHONHASHSEED=0", said)


def test_what_cannot_be_simulated_is_named_with_its_place(said: str) -> None:
    assert re.search(r"how=by_thread: my_bot\.py:\d+: a thread starts inside an execution", said)
