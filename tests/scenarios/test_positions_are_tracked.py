"""A position is tracked from the first event that the venue sends: the log of every interleaving says so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from simharness.explore.strategy import Search, build
from simharness.runner.setting import setting_of, system_of
from simharness.scenario import load
from simharness.world.stage import staged
from simharness.world.world import World

SCENARIO = Path(__file__).parents[2] / "scenarios" / "position-open.yaml"
SYMBOL = "ETH/USDT:USDT"
LOGGER = logging.getLogger("simharness.managers.positions")


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the manager logs, from its debug lines up."""
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    level = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    yield heard
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)


def explored(policy: str, lines: list[str], limit: int | None) -> Iterator[tuple[World, list[str], Search]]:
    """Yield complete executions with what was logged in them."""
    (case,) = load(str(SCENARIO)).cases({"registration_policy": [policy], "database": ["sqlite"]})
    with staged(setting_of(case), system_of(case)) as stage:
        search = build("dpor", stage.program, seed=0)
        lines.clear()
        for execution in islice(search.executions(), limit):
            assert isinstance(execution, World)
            yield execution, list(lines), search
            lines.clear()


def skipped(heard: list[str]) -> list[str]:
    return [line for line in heard if "Skipped" in line or "not ours" in line]


@pytest.mark.slow
def test_versioned_intent_tracks_from_the_first_event_in_every_interleaving(lines: list[str]) -> None:
    searches = []
    for world, heard, search in explored("versioned-intent", lines, None):
        tracked = world.running.manager.positions[SYMBOL]  # type: ignore[attr-defined]  # the position system's
        newest = world.view.updates[-1]
        assert skipped(heard) == []
        assert tracked.seen_open
        assert tracked.version.sequence == newest.sequence
        searches.append(search)
    assert searches[-1].exhausted
    assert len(searches) == searches[-1].statistics.traces > 1


def test_the_log_would_tell_of_a_skipped_update(lines: list[str]) -> None:
    (_, heard, _), *_ = explored("drop-unknown", lines, 1)
    assert skipped(heard) == [f"Skipped {SYMBOL}: not in tracked positions"]


def test_the_published_fix_logs_its_three_lines(lines: list[str]) -> None:
    """An update between execution and answer is buffered: the lock is taken before the order goes out."""
    (_, heard, _), *_ = explored("buffer-then-apply", lines, 1)
    wanted = ("Buffered update", "Pre-registered", "Applying 1 buffered updates")
    assert [line for line in heard if line.startswith(wanted)] == [
        f"Buffered update for {SYMBOL}: its position is being opened",
        f"Pre-registered {SYMBOL} for position updates",
        f"Applying 1 buffered updates for {SYMBOL}",
    ]
    assert skipped(heard) == []
