"""A search that was interrupted anywhere and went on has the totals of one that was not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from search_programs import Coroutines, Shared, accesses, bot_update, first, program

from simharness.core.execution import Program
from simharness.errors import ReplayDiverged, ScenarioError
from simharness.explore import checkpoint as checkpoints
from simharness.explore.checkpoint import Checkpoint, code_fingerprint, interrupt_between_executions, replace_file
from simharness.explore.exhaustive.dpor import DporSearch
from simharness.explore.strategy import build
from simharness.program.world import current_world


async def _choosing() -> Any:
    """Answers decide what is touched, so data choices, sleeping and wakeup trees all come up."""
    cell = Shared(x=0, y=0)
    world = current_world()

    async def task(me: str) -> None:
        key = await world.call(lambda: world.choose(("x", "y"), place=me, fault=me == "b"))
        cell[key] = cell[key] * 2 + ord(me)

    tasks = [asyncio.create_task(task(me)) for me in "abc"]
    await asyncio.sleep(1)
    return lambda: (len(tasks), sorted(dict.items(cell)))


PROGRAMS: dict[str, Program] = {
    "writers and readers": program(accesses("ww", "r", "w")),
    "the bot update": program(bot_update(commit_first=False)),
    "choices": program(_choosing, faults=1),
}


def _dpor(subject: Program) -> DporSearch:
    search = build("dpor", subject, seed=0)
    assert isinstance(search, DporSearch)
    return search


def _totals(search: DporSearch, outcomes: Counter[str]) -> tuple[Any, ...]:
    statistics = search.statistics
    counts = (statistics.executions, statistics.blocked, statistics.duplicates)
    return counts, statistics.fingerprints, outcomes, search.tree.freeze(), search.exhausted


def _uninterrupted(subject: Program) -> tuple[Any, ...]:
    search = _dpor(subject)
    return _totals(search, Counter(repr(execution.conclude()) for execution in search.executions()))


def _in_pieces(subject: Program, piece: int, checkpoint: Checkpoint) -> tuple[tuple[Any, ...], int]:
    """Search ``piece`` executions at a time, each time from the file; return the totals and the number of pieces."""
    search, outcomes = _dpor(subject), Counter[str]()
    pieces = 1
    while True:
        for number, execution in enumerate(search.executions(), 1):
            outcomes[repr(execution.conclude())] += 1
            if number == piece:
                checkpoint.write(search, outcomes)
                break
        if search.exhausted:
            return _totals(search, outcomes), pieces
        search, payload = checkpoint.resume(subject)
        outcomes = Counter(payload)
        pieces += 1


@pytest.mark.parametrize("piece", [1, 2, 5])
@pytest.mark.parametrize("title", PROGRAMS)
def test_a_search_in_pieces_has_the_totals_of_one_that_was_never_interrupted(
    title: str, piece: int, tmp_path: Path
) -> None:
    subject = PROGRAMS[title]
    whole = _uninterrupted(subject)
    parts, pieces = _in_pieces(subject, piece, Checkpoint(tmp_path / "search", title, "code"))
    assert parts == whole
    assert pieces == whole[0][0] // piece + 1 >= 1


def test_a_process_that_is_killed_again_and_again_gets_to_the_same_totals(tmp_path: Path) -> None:
    """Each process has another hash seed, so another order of sets and other numbers for names."""
    script = Path(__file__).with_name("killed_search.py")

    def run(file: str, kill_after: int, hash_seed: int) -> tuple[int, str]:
        command = [sys.executable, str(script), str(tmp_path / file), str(kill_after)]
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert not done.stderr
        return done.returncode, done.stdout

    code, whole = run("whole", 1_000_000, 0)
    assert code == 0
    codes = []
    while True:
        code, totals = run("killed", 4 + len(codes) % 2, len(codes))
        if code == 0:
            break
        codes.append(code)
    assert set(codes) == {-signal.SIGKILL}
    assert len(codes) >= 4
    assert totals == whole
    assert json.loads(totals)["exhausted"]


def test_a_search_that_was_over_when_it_was_written_is_over_when_it_goes_on(tmp_path: Path) -> None:
    subject = PROGRAMS["the bot update"]
    search = _dpor(subject)
    count = sum(1 for _ in search.executions())
    checkpoint = Checkpoint(tmp_path / "over", "s", "c")
    checkpoint.write(search, None)
    again, _ = checkpoint.resume(subject)
    assert list(again.executions()) == []
    assert again.exhausted
    assert again.statistics.executions == count


def test_a_search_that_had_not_begun_can_be_written_too(tmp_path: Path) -> None:
    subject = PROGRAMS["the bot update"]
    checkpoint = Checkpoint(tmp_path / "new", "s", "c")
    checkpoint.write(_dpor(subject), {"mine": [1]})
    again, payload = checkpoint.resume(subject)
    assert payload == {"mine": [1]}
    outcomes = Counter(repr(execution.conclude()) for execution in again.executions())
    assert _totals(again, outcomes) == _uninterrupted(subject)


def test_a_program_that_changed_is_noticed_before_anything_is_counted(tmp_path: Path) -> None:
    checkpoint = _written(tmp_path, accesses("w", "w", "w"))
    search, _ = checkpoint.resume(program(accesses("w", "r", "w")))
    with pytest.raises(ReplayDiverged):
        next(search.executions())


def _written(folder: Path, function: Coroutines = accesses("w", "w")) -> Checkpoint:  # noqa: B008 — makes no state
    """Return a checkpoint that was written after two executions."""
    checkpoint = Checkpoint(folder / "search", "subject", "code")
    search = _dpor(program(function))
    for _ in first(search, 2):
        checkpoint.write(search, "payload")
    return checkpoint


@pytest.mark.parametrize(
    ("subject", "code", "message"),
    [("another", "code", "belongs to 'subject', not to 'another'"), ("subject", "newer", "the code has changed")],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, subject: str, code: str, message: str) -> None:
    file = _written(tmp_path).file
    with pytest.raises(ScenarioError, match=message):
        Checkpoint(file, subject, code).resume(program(accesses("w", "w")))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"executions":2', '"executions":3', "checksum does not fit"),
        ("simharness/checkpoint@1", "simharness/checkpoint@7", "format 'simharness/checkpoint@7' is not known"),
        ('{"format"', "format", "not a checkpoint"),
    ],
)
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    checkpoint = _written(tmp_path)
    text = checkpoint.file.read_text(encoding="utf-8")
    assert old in text
    checkpoint.file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ScenarioError, match=message):
        checkpoint.resume(program(accesses("w", "w")))


def test_a_file_that_cannot_be_written_to_the_end_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "file"
    replace_file(file, "old")
    monkeypatch.setattr(checkpoints.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(file, "new")
    assert file.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_writing_waits_for_its_turn(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "search", "subject", "code", every_s=3600.0)
    search = _dpor(program(accesses("w", "w", "w")))
    payloads = []
    for number, _ in enumerate(search.executions()):
        checkpoint.write_if_due(search, lambda number=number: payloads.append(number))
    assert payloads == [0]
    checkpoint.discard()
    assert list(tmp_path.iterdir()) == []


def test_the_fingerprint_of_the_code_changes_with_every_file_of_it(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    module = tmp_path / "inner" / "module.py"
    module.write_text("x = 1\n", encoding="utf-8")
    before = code_fingerprint([tmp_path])
    assert before == code_fingerprint([tmp_path])
    module.write_text("x = 2\n", encoding="utf-8")
    assert len({before, code_fingerprint([tmp_path]), code_fingerprint([module]), code_fingerprint()}) == 4


def test_ctrl_c_waits_for_the_end_of_the_execution_and_strikes_when_pressed_again() -> None:
    with interrupt_between_executions() as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
