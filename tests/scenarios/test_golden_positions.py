"""Published weaknesses of the position manager have timelines, and a replay draws each as it stands."""

from __future__ import annotations

import re

import pytest
from renew_position_golden import GOLDEN, WEAKNESSES, drawn


@pytest.mark.parametrize("title", WEAKNESSES)
def test_a_replay_draws_the_golden_timeline_which_tells_the_weakness(title: str) -> None:
    """Renew with `python tests/scenarios/renew_position_golden.py`."""
    weakness = WEAKNESSES[title]
    golden = (GOLDEN / weakness.name).read_text(encoding="utf-8")
    assert "reachable on stock asyncio: yes" in golden
    lines = golden.splitlines()[8:]  # below the sentences that sum it up
    for telling in weakness.story:
        place = next((number for number, line in enumerate(lines) if telling in line), None)
        assert place is not None, telling
        lines = lines[place:]
    assert drawn(re.findall(r"sh1-\w+", golden)[-1]) == golden
