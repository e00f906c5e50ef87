"""A run that is killed at any point leaves nothing after the next start; Ctrl-C leaves nothing at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_pg_server import processes_of

from simharness.database.postgresql import process
from simharness.database.postgresql.server import EmbeddedServer

# Explores a real system, and stands still at the point that it is told.
RUN = """
import sys
from pathlib import Path
from simharness.database.postgresql import reset
from simharness.runner.setting import setting_of, system_of
from simharness.scenario import load
from simharness.world import postgresql
from simharness.world.stage import staged

def stand():
    print(postgresql._embedded().url(), flush=True)
    sys.stdin.read()

point, scenario = sys.argv[1:]
(case,) = load(scenario).cases({"filling": ["bot-first"], "database": ["postgresql"]})
if point == "the server is up":
    postgresql._embedded()
    stand()
elif point == "tables are made":
    reset.Baseline.__init__ = lambda *_: stand()
with staged(setting_of(case), system_of(case)) as stage:
    while True:
        world = stage.world()
        while enabled := world.enabled():
            label = world.step(enabled[0]).label
            if point == "a transaction is open" and label.startswith("UPDATE"):
                stand()
            if point == "a backend is stopped" and world.database.waits():
                stand()
        world.close()
        if point == "between executions":
            stand()
"""
POINTS = [
    "the server is up",
    "tables are made",
    "a transaction is open",
    "a backend is stopped",
    "between executions",
]
SCENARIO = Path(__file__).parents[2] / "scenarios" / "deadlock-update-fill.yaml"


def started(point):
    """Return a run that stands at ``point``, and the data directory of its server."""
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, point, str(SCENARIO)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return run, Path(run.stdout.readline().strip().partition("host=")[2])


def stopped(pids):
    return [pid for pid in pids if process._state(pid) in "Tt"]


def test_five_kills_in_the_middle_leave_nothing_after_the_next_start():
    left = []
    for point in POINTS:
        run, data = started(point)
        left.append(data)
        assert processes_of(data)
        assert bool(stopped(processes_of(data))) == (point == "a backend is stopped")
        run.kill()
        run.communicate()
    with EmbeddedServer() as fresh:
        for data in left:
            assert not processes_of(data)
            assert not data.parent.exists()
        assert processes_of(fresh._run.data)
    assert not fresh._run.path.exists()


@pytest.mark.parametrize("point", ["a transaction is open", "a backend is stopped"])
def test_ctrl_c_leaves_nothing(point):
    run, data = started(point)
    run.send_signal(signal.SIGINT)
    run.communicate()
    assert not processes_of(data)
    assert not data.parent.exists()
