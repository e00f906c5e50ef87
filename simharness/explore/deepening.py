"""Fewer faults first: explores every smaller budget of faults before the one that was asked for.

A search that a limit ends has then at least a whole smaller one behind it: "complete for faults ≤ 1". The smaller ones
are repeated inside the larger, which costs little: each fault more multiplies the interleavings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from simharness.explore.campaign import Campaign


@dataclass(slots=True)
class Deepened:
    """A search by budgets of faults.

    Args:
        campaign: the one to report: that of the whole budget, or the one that a limit ended.
        complete: the largest budget that was explored to its end.
        levels: how many interleavings each budget below had.
    """

    campaign: Campaign
    complete: int | None = None
    levels: list[int] = field(default_factory=list)

    def checks(self) -> dict[str, str]:
        """Return what the certificate says about the budgets below."""
        if not self.levels:
            return {}
        text = "; ".join(f"faults ≤ {budget}: {traces} interleavings" for budget, traces in enumerate(self.levels))
        return {"smaller budgets, explored first": text}


def deepened(campaign_for: Callable[[int], Campaign], faults: int, *, at_once: bool = False) -> Deepened:
    """Run the campaigns of all budgets up to ``faults``, until a limit ends one.

    Args:
        campaign_for: makes the campaign of a budget. Limits of executions hold for each, a limit of time for all: the
            campaigns have one beginning.
        faults: the budget that was asked for.
        at_once: leave the smaller ones out, as when an interrupted search goes on.
    """
    complete: int | None = None
    levels: list[int] = []
    for budget in range(0 if at_once else faults):
        campaign = campaign_for(budget)
        campaign.run()
        if campaign.exhausted:
            complete = budget
            levels.append(campaign.search.statistics.traces)
        elif campaign.interrupted or not campaign.refuted:
            return _reported(Deepened(campaign, complete, levels), f"faults ≤ {budget} of {faults}")
        # A violation ended it: what the whole budget adds to that is still asked for.
    campaign = campaign_for(faults)
    campaign.run()
    if campaign.exhausted:
        return Deepened(campaign, faults, levels)
    return _reported(Deepened(campaign, complete, levels))


def _reported(found: Deepened, *bounds: str) -> Deepened:
    found.campaign.bounds += bounds
    if found.complete is not None:
        found.campaign.bounds.append(f"complete for faults ≤ {found.complete}")
    return found
