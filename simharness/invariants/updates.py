"""What the venue said about positions, as rules compare it with what the program made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simharness.invariants.view import View

if TYPE_CHECKING:
    from simharness.venue.event import PositionUpdate


def newest_updates(view: View) -> list[PositionUpdate]:
    """Return the newest update of each position, sorted by symbol and side."""
    newest = {(update.symbol, update.side): update for update in view.updates}
    return [newest[key] for key in sorted(newest)]


def stream_broke(view: View) -> bool:
    """Return whether updates may have been lost on the way."""
    return view.crashed or (view.venue is not None and view.venue.stream_breaks > 0)
