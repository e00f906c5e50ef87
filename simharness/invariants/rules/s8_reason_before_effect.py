"""S8: the reason for an external effect is committed before the effect happens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import LocalOrder, Snapshot
from simharness.invariants.view import View

if TYPE_CHECKING:
    from simharness.venue.event import ExecutionReport


class ReasonBeforeEffect(Rule):
    """Looks at the committed row whenever the venue carries out a cancel that the program asked for."""

    id = "S8"

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return bool(snapshot.owners)

    def vacuous(self, view: View) -> str | None:
        canceled = view.venue is not None and any(
            order.status == "canceled" and not order.reason for order in view.venue.orders()
        )
        return None if canceled else "the program cancelled nothing"

    def on_report(self, view: View, report: ExecutionReport) -> Iterable[Breach]:
        # A cancel with a reason is somebody else's: by hand, or the venue's own.
        if report.exec_type != "CANCELED" or report.order.reason:
            return
        known = view.order_at(report.order.id, report.order.request.client_id)
        if known is None:
            return
        row = view.observe(known.key)
        if isinstance(row, LocalOrder) and row.reason is None:
            yield Breach(
                f"the venue carried out the program's cancel of {report.order.id} "
                f"while no reason was committed for {row.key}"
            )
