"""`simharness_explore` in an ordinary test: it passes, or fails with a timeline and a token."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from project import ROOT, pytest_in

TESTS = """
import asyncio
import logging

import simharness


async def race():
    world = simharness.world()
    order = {"reason": None}
    seen = []
    stream = world.stream("orders")

    async def endpoint():
        await world.call(lambda: stream.push("cancelled"))
        order["reason"] = "UPDATE"

    async def handler():
        await stream.get()
        logging.getLogger("bot").warning("it logs")
        seen.append(order["reason"])

    asyncio.create_task(handler())
    asyncio.create_task(endpoint())
    return lambda: seen


def has_reason(seen):
    return seen == ["UPDATE"]


def test_violated(simharness_explore):
    simharness_explore(race, check=has_reason)


def test_violated_with_every_argument(simharness_explore):
    simharness_explore(race, check=has_reason, latency=("1ms", "2ms"), reversals=3, jobs=1, seed=1, horizon="1m")


def test_holds(simharness_explore):
    assert simharness_explore(race, check=len, proof=True).executions == 2


def test_bounded(simharness_explore):
    assert simharness_explore(race, executions=1).verdict == "passed"


def test_not_proven(simharness_explore):
    simharness_explore(race, executions=1, proof=True)


def test_theirs_logs():
    logging.getLogger("theirs").warning("heard")
    assert False
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("project")
    (folder / "test_race.py").write_text(TESTS)
    return folder, pytest_in(folder, "-p", "_hypothesis_pytestplugin", "--junit-xml=out.xml", "-rA")


def test_only_what_is_wrong_fails(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    outcomes = re.findall(r"^(PASSED|FAILED) test_race.py::(\w+)", ran[1].stdout, re.MULTILINE)
    assert sorted((test, outcome) for outcome, test in outcomes) == [
        ("test_bounded", "PASSED"),
        ("test_holds", "PASSED"),
        ("test_not_proven", "FAILED"),
        ("test_theirs_logs", "FAILED"),
        ("test_violated", "FAILED"),
        ("test_violated_with_every_argument", "FAILED"),
    ]


def test_a_violation_is_drawn(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    said = ran[1].stdout
    assert "violated in 2 executions: check: has_reason returned False for the outcome [None]" in said
    assert "FAILS if [A] the handler's READ runs before [B] the endpoint's WRITE" in said
    assert re.search(r"call endpoint.<lambda> +test_race.py:15", said)
    assert "TypeError" not in said
    assert "passed after 1 execution, not proven: executions ≤ 1" in said


def test_the_token_is_a_property(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    (case,) = [each for each in ET.parse(ran[0] / "out.xml").iter("testcase") if each.get("name") == "test_violated"]
    (token,) = [each.get("value") for each in case.iter("property") if each.get("name") == "token"]
    assert f"simharness.replay(race, '{token}')" in ran[1].stdout


def test_what_executions_log_is_not_captured_and_what_tests_log_is(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    assert "it logs" not in ran[1].stdout
    assert "heard" in ran[1].stdout


def test_the_documentation_shows_what_its_program_prints(tmp_path: Path) -> None:
    document = (ROOT / "docs" / "pytest.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    (shown,) = re.findall(r"```\n(violated in .*?)\n```", document, re.DOTALL)
    (tmp_path / "test_fills.py").write_text(program)
    assert shown in pytest_in(tmp_path).stdout


WITH_A_DATABASE = """
import asyncio

import aiosqlite

import simharness

SCHEMA = "CREATE TABLE fills (total integer); INSERT INTO fills VALUES (0)"


async def fills():
    async def fill(quantity):
        async with aiosqlite.connect(simharness.world().database.dsn) as connection:
            ((total,),) = await connection.execute_fetchall("SELECT total FROM fills")
            await connection.execute("UPDATE fills SET total = ?", (total + quantity,))
            await connection.commit()

    asyncio.create_task(fill(1))
    asyncio.create_task(fill(2))


def holds_both(_):
    assert simharness.world().database.fetch("SELECT total FROM fills") == [{"total": 3}]


def test_fills(simharness_explore):
    simharness_explore(fills, check=holds_both, database="sqlite", schema=SCHEMA)
"""


def test_a_program_with_a_database_is_drawn_with_its_rows(tmp_path: Path) -> None:
    (tmp_path / "test_fills.py").write_text(WITH_A_DATABASE)
    said = pytest_in(tmp_path).stdout
    assert "check: AssertionError" in said
    assert "COMMIT fills" in said
    assert re.search(r"simharness.replay\(fills, 'sh1-\w+', database='sqlite', schema=SCHEMA\)", said)
