"""What the streams tell about a symbol while somebody has the turn of it."""

from __future__ import annotations

from dataclasses import dataclass

from simharness.managers.positions.state import PositionUpdate


@dataclass(slots=True)
class Told:
    """The newest position report on a symbol: reports carry whole values, so older ones need not be kept."""

    latest: PositionUpdate
    seen_open: bool = False

    def fold(self, update: PositionUpdate) -> None:
        """Keep `update` if it is the newest; fields that it leaves out stay as they were reported before."""
        known = self.latest
        if not update.version.is_stale_after(known.version):
            self.latest = PositionUpdate(
                symbol=update.symbol,
                side=update.side or known.side,
                quantity=known.quantity if update.quantity is None else update.quantity,
                entry_price=known.entry_price if update.entry_price is None else update.entry_price,
                mark_price=known.mark_price if update.mark_price is None else update.mark_price,
                unrealized_pnl=known.unrealized_pnl if update.unrealized_pnl is None else update.unrealized_pnl,
                version=update.version,
            )
        self.seen_open = self.seen_open or update.says_open
