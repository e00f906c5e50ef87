"""What a campaign shows of a violation: an order that stock asyncio can produce, wherever one is found."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest
from search_programs import program
from test_campaign_limits import _writers

from simharness.core.step import Step
from simharness.core.trace import HappensBefore, digest, fingerprint
from simharness.explore.campaign import Campaign, Limits
from simharness.explore.latency import realised
from simharness.explore.reachable import Realisation
from simharness.explore.strategy import build


def _searched() -> Campaign:
    """Return a search whose one witness is far from the base order."""
    subject = program(lambda: _writers(wrong=True))
    campaign = Campaign(subject, build("random", subject, seed=1), Limits(executions=1))
    campaign.run()
    return campaign


def test_where_the_search_for_a_realisation_gave_up_another_order_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The smallest counterexample may be one of which nobody can tell whether it is real; a larger one is better."""
    (smallest,) = _searched().proofs()
    hopeless = {smallest.digest}
    searching = [True]

    def giving_up(steps: Sequence[Step], order: HappensBefore | None = None, *, timed: bool) -> Realisation:
        if searching or digest(steps) in hopeless:
            return Realisation(reachable=None)
        return realised(steps, order, timed=timed)

    monkeypatch.setattr(sys.modules["simharness.explore.campaign"], "realised", giving_up)
    campaign = _searched()
    searching.clear()
    (proof,) = campaign.proofs()
    assert (smallest.reachable, proof.reachable) == (True, True)
    assert proof.digest != smallest.digest


def test_without_any_realisation_the_smallest_order_is_shown_and_called_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (smallest,) = _searched().proofs()
    monkeypatch.setattr(
        sys.modules["simharness.explore.campaign"], "realised", lambda *_, **__: Realisation(reachable=None)
    )
    (proof,) = _searched().proofs()
    assert (proof.reachable, proof.digest) == (None, smallest.digest)


def test_each_interleaving_is_realised_once_while_shrinking(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = _searched()
    asked: list[int] = []

    def counting(steps: Sequence[Step], order: HappensBefore | None = None, *, timed: bool) -> Realisation:
        asked.append(fingerprint(steps, order or HappensBefore(steps)))
        return realised(steps, order, timed=timed)

    monkeypatch.setattr(sys.modules["simharness.explore.campaign"], "realised", counting)
    (proof,) = campaign.proofs()
    assert (proof.reachable, len(proof.deliveries) > 0) == (True, True)
    assert len(asked) == len(set(asked))
