"""S3: a repeated execution report changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import LocalState
from simharness.invariants.view import View


class IdempotentReports(Rule):
    """Looks for what a second application of a report leaves behind: a second booking, a second follow-up order."""

    id = "S3"

    def vacuous(self, view: View) -> str | None:
        traded = view.venue is not None and view.venue.trades()
        return None if traded else "nothing was executed at the venue"

    def at_rest(self, view: View) -> Iterable[Breach]:
        booked = Counter((each.order, each.execution) for each in view.snapshot.executions.values())
        for (order, execution), count in sorted(booked.items()):
            if count > 1:
                yield Breach(f"execution {execution} of {order} is booked {count} times")
        orders = view.snapshot.orders.values()
        for owner in sorted(view.snapshot.owners):
            mine = [each for each in orders if each.owner == owner]
            filled = sum(each.state is LocalState.FILLED for each in mine)
            # A filled order is followed by one; every other order of the bot replaces one that was cancelled or failed.
            surplus = [each.key for each in mine if each.state in (LocalState.WORKING, LocalState.PARTIALLY_FILLED)]
            if filled and len(surplus) > 1:
                yield Breach(f"one fill of {owner} was followed by {len(surplus)} orders: {', '.join(sorted(surplus))}")
