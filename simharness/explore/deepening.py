"""Fewer faults first: explores every smaller budget of faults before the one that was asked for.

A search that a limit ends has then at least a whole smaller one behind it: "complete for faults ≤ 1". The smaller ones
are repeated inside the larger, which costs little where it is of use: each fault more multiplies the interleavings. A
budget that is not explored to its end within a share of the limits is left, so that the rest is for what was asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simharness.explore.campaign import Campaign, Limits

# One part in so many of the limits is for each of the smaller budgets.
_SHARE = 4


@dataclass(frozen=True, slots=True)
class Deepened:
    """A search by budgets of faults.

    Args:
        campaign: that of the whole budget (or the one that Ctrl-C ended).
        budget: the faults that may strike in its executions.
        levels: how many interleavings each smaller budget has, as far as they were explored to their ends.
    """

    campaign: Campaign
    budget: int
    levels: tuple[int, ...] = ()

    def checks(self) -> dict[str, str]:
        """Return what the certificate says about the smaller budgets."""
        if not self.levels:
            return {}
        text = "; ".join(f"faults ≤ {budget}: {traces} interleavings" for budget, traces in enumerate(self.levels))
        return {"smaller budgets, explored first": text}


def deepened(campaign_for: Callable[[int], Campaign], faults: int, *, at_once: bool = False) -> Deepened:
    """Run the campaigns of all budgets up to ``faults``.

    Args:
        campaign_for: makes the campaign of a budget; all have one beginning, so that a limit of time holds for all.
        faults: the budget that was asked for.
        at_once: leave the smaller ones out, as when an interrupted search goes on.
    """
    levels: list[int] = []
    for budget in range(0 if at_once else faults):
        campaign = campaign_for(budget)
        campaign.limits = _shared(campaign.limits)
        campaign.run()
        if campaign.interrupted:
            campaign.bounds.append(f"faults ≤ {budget} of {faults}")
            return Deepened(campaign, budget, tuple(levels))
        if not campaign.exhausted:
            if campaign.checkpoint is not None:
                campaign.checkpoint.discard()  # its share is used up, so nobody will go on with it
            break
        levels.append(campaign.search.statistics.traces)
    campaign = campaign_for(faults)
    campaign.run()
    if levels and not campaign.exhausted:
        campaign.bounds.append(f"complete for faults ≤ {len(levels) - 1}")
    return Deepened(campaign, faults, tuple(levels))


def _shared(limits: Limits) -> Limits:
    executions = None if limits.executions is None else max(limits.executions // _SHARE, 1)
    return Limits(executions, None if limits.time_ns is None else limits.time_ns // _SHARE, limits.after_violation)
