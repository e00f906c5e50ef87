"""What a registration policy decides: when a position becomes visible, and what happens to updates before that."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from simharness.managers.positions.exchange import OrderReport
from simharness.managers.positions.state import OpenRequest, PositionState, PositionUpdate

if TYPE_CHECKING:
    from simharness.managers.positions.manager import PositionManager

logger = logging.getLogger("simharness.managers.positions")

Work = Coroutine[Any, Any, None]


class RegistrationPolicy(ABC):
    """One way to register a position that is being opened.

    `manager.open_position` calls, in this order: `begin`, `row_stored`, `ordered` (the market order was
    answered), `filled`, and at the end `register`; or `abandon` after a failure. Updates of the stream go
    to `take` and `take_order`. `write_ahead` says whether orders are stored under our own id before they are sent,
    `exclusive` whether the database holds one open position per symbol.
    """

    name: ClassVar[str]
    write_ahead: ClassVar[bool] = False
    exclusive: ClassVar[bool] = False

    def __init__(self, manager: PositionManager) -> None:
        self.manager = manager

    @abstractmethod
    def begin(self, request: OpenRequest) -> None:
        """Admit an open, or raise `PositionExists`."""

    def row_stored(self, symbol: str, position_id: str) -> None:
        """Take note that the position's row is committed; nothing was sent yet."""
        logger.debug("%s: position %s stored", symbol, position_id)

    def ordered(self, request: OpenRequest) -> None:
        """Take note that the market order was answered."""
        logger.debug("%s: market order answered", request.symbol)

    def filled(self, state: PositionState, report: OrderReport) -> None:
        """Take note that the entry order ended as `report` says; `state` is what it made."""
        logger.debug("%s: filled %s", state.symbol, report.filled)

    @abstractmethod
    async def register(self, state: PositionState) -> None:
        """Make the finished position visible."""

    def abandon(self, symbol: str) -> None:
        """Take note that an open failed."""
        logger.warning("%s: open failed", symbol)

    @abstractmethod
    async def on_update(self, update: PositionUpdate) -> None:
        """Handle a position update of the stream."""

    def take(self, update: PositionUpdate) -> Work | None:
        """Take in an update at once and return what is left to do, if anything; here it is everything."""
        return self.on_update(update)

    def take_order(self, report: OrderReport) -> Work | None:
        """Take in an event of the order stream at once and return what is left to do; here it is everything."""
        return self.manager.after_order(report)

    def is_opening(self, symbol: str) -> bool:
        """Tell whether a position of `symbol` is being opened, so that other writers leave it alone."""
        return False

    def opening(self) -> frozenset[str]:
        """Return the symbols of which that is so."""
        return frozenset()

    def guard(self, symbol: str) -> AbstractAsyncContextManager[None]:
        """Return what a writer of `symbol` holds while it works."""
        return nullcontext()

    def generations(self) -> dict[str, int]:
        """Return the generation of each symbol that has one."""
        return {}

    def generation(self, symbol: str) -> int:
        """Return a number that changes whenever a command on the symbol begins or ends."""
        return 0

    def is_current(self, state: PositionState, update: PositionUpdate) -> bool:
        """Tell whether `update` may change `state`."""
        return True

    def is_history(self, update: PositionUpdate) -> bool:
        """Tell whether `update` is about a position that was closed here since."""
        return False

    def closed(self, state: PositionState, time_ms: int | None) -> None:
        """Take note that a position was closed, at the exchange's `time_ms` or later, and is no longer tracked."""
        logger.debug("%s: position %s is over at %s", state.symbol, state.id, time_ms)

    async def activate(self, state: PositionState) -> None:
        """Mark the position's row as open and protected."""
        await self.manager.desk.save(state.symbol, state, activate=True)

    async def store(self, state: PositionState) -> None:
        """Write what the exchange reported to the position's row."""
        await self.manager.desk.save(state.symbol, state)
